//! Signing in and out: by key or token, in dev with one click, or at the identity provider (see `provider`).

use axum::response::{IntoResponse, Redirect, Response};
use control::{Actor, KeyOwner};
use gateway::{NewKey, Peer, Principal, Refusal};
use http::header;
use jiff::SignedDuration;
use maud::{Markup, html};
use tenancy::{Environment, Scope, Scopes};

use super::asked::{Asked, Guest};
use super::assets::ICON;
use super::cookie;
use super::fields::{link, own_path};
use super::layout::{bare, error_page};
use super::parts::{field, form_token};
use super::session::{Menu, Session};
use crate::decode;
use crate::edge::Transport;
use crate::operations::{self, Caller, Failure};

/// Longest key or token that is looked at, in bytes.
const SECRET_BYTES_MAX: usize = 16 * 1024;
/// How long the key of a developer who runs the service from the console opens.
const DEV_OPERATOR_KEY: SignedDuration = SignedDuration::from_hours(12);

/// `GET /console/sign-in`.
pub(super) async fn show(guest: Guest) -> Response {
    if guest.session().is_some() {
        return Redirect::to(own_path(guest.sent.text("next"))).into_response();
    }
    forms(&guest, None)
}

/// `POST /console/sign-in`: by an API key or a token.
pub(super) async fn by_key(guest: Guest) -> Response {
    let secret = guest.sent.text("key");
    let is_plain = secret.len() <= SECRET_BYTES_MAX && secret.bytes().all(|byte| byte.is_ascii_graphic());
    let secret = if is_plain { secret } else { "?" };
    match begin(&guest, secret, None).await {
        Ok(opened) => enter(&guest, &opened),
        Err(failure) => {
            failure.log(&guest.arrival());
            let mut response = forms(&guest, Some(&failure));
            *response.status_mut() = http::StatusCode::from_u16(failure.status()).unwrap_or_default();
            response
        }
    }
}

/// `POST /console/sign-in/dev`: with one click, from this machine, in dev.
pub(super) async fn by_click(guest: Guest) -> Response {
    let Some(dev) = guest.app.dev.as_ref().filter(|_| is_own_machine(&guest)) else {
        let message = "this way in is for a developer on the machine itself".to_owned();
        return error_page(&guest, &Failure::Coded(api::ErrorCode::Forbidden, message));
    };
    let opened = match guest.sent.text("as") {
        "operator" => match dev_operator_key(&guest).await {
            Ok(key) => begin(&guest, &key, None).await,
            Err(failure) => Err(failure),
        },
        _ => begin(&guest, &dev.api_key, None).await,
    };
    match opened {
        Ok(opened) => enter(&guest, &opened),
        Err(failure) => error_page(&guest, &failure),
    }
}

/// `POST /console/sign-out`.
pub(super) async fn sign_out(asked: Asked) -> Response {
    asked.app().console.sessions.end(asked.guest.cookie());
    let mut response = Redirect::to("/console/sign-in?ended=left").into_response();
    put_cookie(&mut response, asked.guest.transport(), cookie::SESSION, "", 0, cookie::From::OurPages);
    response
}

/// `POST /console/theme`.
pub(super) async fn theme(asked: Asked) -> Response {
    /// A year.
    const KEPT_S: i64 = 365 * 86_400;
    let mut response = Redirect::to(own_path(asked.sent().text("back"))).into_response();
    let theme = if asked.sent().text("theme") == "dark" { "dark" } else { "light" };
    put_cookie(&mut response, asked.guest.transport(), cookie::THEME, theme, KEPT_S, cookie::From::OurPages);
    response
}

/// A session that was opened, and where its owner begins.
pub(super) struct Opened {
    name: String,
    seconds: i64,
    home: &'static str,
}

/// Proves the credential and opens a session with it; whatever the browser brought as a session is ended.
pub(super) async fn begin(
    guest: &Guest,
    secret: &str,
    lifetime: Option<SignedDuration>,
) -> Result<Opened, Failure> {
    let authorization = format!("Bearer {secret}");
    let credentials = guest.credentials(&authorization, None);
    let principal = match guest.app.gateway.authenticate(&credentials).await {
        Ok(principal) => principal,
        // Asked again where refusals are counted, so that guessing here shows like guessing anywhere.
        Err(refusal) => {
            return Err(guest.app.gateway.admit_operator(&credentials).await.err().unwrap_or(refusal).into());
        }
    };
    let app = &guest.app;
    let (who, menu, tenant) = describe(guest, &principal, credentials.peer).await?;
    let now_ms = app.clock.now_ms();
    let most = SignedDuration::try_from(app.console.session).unwrap_or(SignedDuration::MAX);
    let lifetime = lifetime.unwrap_or(most).min(most);
    let seconds = lifetime.as_secs();
    let until_ms = now_ms.saturating_add(seconds.saturating_mul(1_000));
    let home = menu.home();
    app.console.sessions.end(guest.cookie());
    let name = app.console.sessions.begin(Session::new(authorization, who, menu, tenant, until_ms), now_ms);
    Ok(Opened { name, seconds, home })
}

/// Leads the browser to its session.
pub(super) fn enter(guest: &Guest, opened: &Opened) -> Response {
    let next = own_path(guest.sent.text("next"));
    let next = if next == "/console" { opened.home } else { next };
    let mut response = Redirect::to(next).into_response();
    set_session(guest, &mut response, opened);
    response
}

/// The same by a page of ours: after a journey over another site browsers would not send the cookie at once.
pub(super) fn enter_from_elsewhere(guest: &Guest, opened: &Opened) -> Response {
    let mut response = bare(
        guest,
        "Signed in",
        &html! {
            div .card {
                h1 { "Signed in" }
                p { a .button .primary href=(opened.home) { "To the console" } }
            }
        },
    );
    let refresh = format!("0; url={}", opened.home);
    if let Ok(value) = http::HeaderValue::from_str(&refresh) {
        response.headers_mut().insert(header::REFRESH, value);
    }
    set_session(guest, &mut response, opened);
    response
}

fn set_session(guest: &Guest, response: &mut Response, opened: &Opened) {
    put_cookie(
        response,
        guest.transport(),
        cookie::SESSION,
        &opened.name,
        opened.seconds,
        cookie::From::OurPages,
    );
}

pub(super) fn put_cookie(
    response: &mut Response,
    transport: Transport,
    name: &str,
    value: &str,
    seconds: i64,
    from: cookie::From,
) {
    if let Some(line) = cookie::write(transport, name, value, seconds, from) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}

/// Who somebody is, what they are offered, and the tenant they begin in.
async fn describe(
    guest: &Guest,
    principal: &Principal,
    peer: Peer,
) -> Result<(String, Menu, Option<String>), Failure> {
    let app = &guest.app;
    match principal {
        Principal::TenantKey { key_id, tenant, scopes } => {
            let slug = app.control.tenant_by_id(tenant).await?.map(|tenant| tenant.slug.to_string());
            let name = app.control.api_key(key_id).await?.map(|key| key.name).filter(|name| !name.is_empty());
            let who = name.map_or_else(|| "an API key".to_owned(), |name| format!("key {name}"));
            let menu = Menu {
                memories: [Scope::MemoriesRead, Scope::Search].iter().any(|scope| scopes.contains(*scope)),
                administration: scopes.contains(Scope::Admin),
                service: false,
                tenants: false,
            };
            Ok((who, menu, slug))
        }
        Principal::OperatorKey { .. } | Principal::Local => {
            let menu = Menu { memories: false, administration: true, service: true, tenants: false };
            Ok(("operator".to_owned(), menu, None))
        }
        Principal::User(user) | Principal::Member { user, .. } => {
            let caller = Caller { principal: principal.clone(), peer };
            let member = Caller { principal: Principal::User(std::sync::Arc::clone(user)), ..caller };
            let own = if user.operator {
                Vec::new()
            } else {
                let all = decode::list_tenants(serde_json::json!({"status": "active", "limit": "2"}))?;
                operations::list_tenants(app, &member, all).await?.items
            };
            let only = match own.as_slice() {
                [one] => Some(one.slug.clone()),
                _ => None,
            };
            let menu = Menu { memories: true, administration: true, service: user.operator, tenants: true };
            let who = user.email.clone().unwrap_or_else(|| user.user_id.clone());
            Ok((who, menu, user.tenant.clone().or(only)))
        }
    }
}

/// A key of its own for each click, which the audit log shows and which ends by itself.
async fn dev_operator_key(guest: &Guest) -> Result<String, Failure> {
    let new = NewKey {
        owner: KeyOwner::Operator,
        scopes: Scopes::NONE,
        name: "console, development".to_owned(),
        expires_at: guest.app.clock.now().checked_add(DEV_OPERATOR_KEY).ok(),
    };
    Ok(guest.app.gateway.issue_key(new, &Actor::system()).await?.key)
}

/// Both ends are this machine, by address and by name: a page of elsewhere that has its own name lead here is
/// refused.
fn is_own_machine(guest: &Guest) -> bool {
    let by_address = match guest.peer() {
        Some(Peer::Network(address)) => address.is_loopback(),
        Some(Peer::LocalSocket) => true,
        None => false,
    };
    by_address && crate::config::is_loopback(&format!("http://{}", guest.host()))
}

/// The page with the forms; they need a cookie to be bound to, also before anybody signs in.
fn forms(guest: &Guest, failure: Option<&Failure>) -> Response {
    /// Time to find one's key.
    const KEPT_S: i64 = 3_600;
    let mut response = bare(guest, "Sign in", &form(guest, failure));
    put_cookie(
        &mut response,
        guest.transport(),
        cookie::VISIT,
        guest.binding(),
        KEPT_S,
        cookie::From::OurPages,
    );
    response
}

fn form(guest: &Guest, failure: Option<&Failure>) -> Markup {
    let next = own_path(guest.sent.text("next"));
    let environment = guest.app.console.environment;
    html! {
        div .card .sign-in {
            p .brand { img src=(ICON.path) alt="" width="36" height="36"; }
            h1 { "Sign in to Engram" }
            @match guest.sent.text("ended") {
                "left" => p .hint { "You are signed out." },
                "credential" => p .hint { "The key or token of that session opens no more. Sign in again." },
                "provider" => p .hint { "Signing in at the provider did not work. Try again." },
                _ => {}
            }
            @if let Some(failure) = failure { div .notice .bad role="alert" { p { (sentence(failure)) } } }
            @if environment == Environment::Dev && is_own_machine(guest) {
                form method="post" action="/console/sign-in/dev" {
                    (form_token(guest))
                    input type="hidden" name="next" value=(next);
                    button .primary .wide name="as" value="tenant" { "Open the development tenant" }
                    button .wide name="as" value="operator" { "Run the service, as its operator" }
                }
                p .or { span { "or" } }
            }
            @if guest.app.console.provider.is_some() {
                a .button .wide .primary[environment != Environment::Dev] href=(link("/console/sign-in/provider", &[])) { "Continue with single sign-on" }
                p .or { span { "or" } }
            }
            form method="post" action="/console/sign-in" {
                (form_token(guest))
                input type="hidden" name="next" value=(next);
                (field("key", "API key", "Of a tenant, or of the operator.", &html! {
                    input #key name="key" type="password" autocomplete="current-password" required spellcheck="false" placeholder="eng_live_…";
                }))
                button .wide { "Sign in" }
            }
        }
    }
}

fn sentence(failure: &Failure) -> String {
    match failure {
        Failure::Refused(Refusal::Unauthenticated { .. }) => format!("This key does not open: {failure}"),
        _ => failure.to_string(),
    }
}
