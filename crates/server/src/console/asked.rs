//! One request to the console: who sent it, and what. A form is here only if it was proven to come from a page of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api::ErrorCode;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::{Html, IntoResponse, Redirect, Response};
use gateway::{Credentials, OperatorPass, Pass, Peer};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use tenancy::{Operation, RequestId};

use super::assets::ICON;
use super::cookie;
use super::fields::{Sent, link, own_path};
use super::layout::error_page;
use super::session::Session;
use crate::app::App;
use crate::edge::{self, Arrival, Transport};
use crate::operations::{Caller, Done, Failure, Visit};

/// Somebody at the door, signed in or not.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) app: Arc<App>,
    parts: Parts,
    /// The query of a page, or the fields of a form.
    pub(super) sent: Sent,
    path: Vec<(String, String)>,
    /// What the forms of pages are bound to: the session that is open, else the cookie of the visit.
    binding: String,
    used_id: AtomicBool,
}

/// Somebody who is signed in.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) guest: Guest,
    pub(super) session: Session,
}

impl FromRequest<Arc<App>> for Guest {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let path = RawPathParams::from_request_parts(&mut parts, &()).await;
        let path = path.map(|all| all.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
        let is_form = !matches!(parts.method, Method::GET | Method::HEAD);
        let query = Sent::parse(parts.uri.query().unwrap_or("").as_bytes());
        let mut guest = Self {
            app: Arc::clone(app),
            parts,
            sent: query,
            path: path.unwrap_or_default(),
            binding: String::new(),
            used_id: AtomicBool::new(false),
        };
        guest.binding = match guest.session() {
            Some(_) => guest.cookie().to_owned(),
            None => guest.visit().map_or_else(|| stdx::random::token(43), str::to_owned),
        };
        if is_form {
            guest.sent = read(app, body).await.map_err(|failure| error_page(&guest, &failure))?;
            guest.require_own_form().map_err(|failure| error_page(&guest, &failure))?;
        }
        Ok(guest)
    }
}

impl FromRequest<Arc<App>> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let session = open_session(app, request.headers(), transport(request.extensions()));
        let back = match *request.method() {
            Method::GET => request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned(),
            _ => String::new(),
        };
        let Some(session) = session else {
            if request.method() == Method::GET && comes_from_elsewhere(request.headers()) {
                return Err(again(&back));
            }
            return Err(Redirect::to(&link("/console/sign-in", &[("next", &back)])).into_response());
        };
        Ok(Self { guest: Guest::from_request(request, app).await?, session })
    }
}

impl Guest {
    /// The id of the request, or of one more admission within it: each is one row of usage.
    pub(super) fn request(&self) -> RequestId {
        match self.parts.extensions.get::<Arrival>() {
            Some(arrival) if !self.used_id.swap(true, Ordering::Relaxed) => arrival.request,
            _ => RequestId::at(self.app.clock.now()),
        }
    }

    /// The id that the answer's header has.
    pub(super) fn arrival(&self) -> RequestId {
        Arrival::of(&self.parts.extensions, &self.app).request
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub(super) fn transport(&self) -> Transport {
        transport(&self.parts.extensions)
    }

    pub(super) fn peer(&self) -> Option<Peer> {
        self.parts.extensions.get::<Peer>().copied()
    }

    /// The path with its query.
    pub(super) fn address(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/console", |path| path.as_str())
    }

    /// One segment of the path.
    pub(super) fn segment(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The memory id in the path.
    pub(super) fn memory_id(&self) -> Result<i64, Failure> {
        let id = self.segment("id").parse().ok().filter(|id| *id > 0);
        id.ok_or_else(|| Failure::Coded(ErrorCode::NotFound, "there is no such memory".to_owned()))
    }

    /// The session's name, open or not; empty when there is none.
    pub(super) fn cookie(&self) -> &str {
        cookie::read(self.headers(), self.transport(), cookie::SESSION).unwrap_or("")
    }

    fn visit(&self) -> Option<&str> {
        cookie::read(self.headers(), self.transport(), cookie::VISIT)
    }

    /// What the forms of pages are bound to.
    pub(super) fn binding(&self) -> &str {
        &self.binding
    }

    /// The theme somebody chose.
    pub(super) fn theme(&self) -> Option<&str> {
        let theme = cookie::read(self.headers(), self.transport(), cookie::THEME)?;
        ["light", "dark"].into_iter().find(|known| *known == theme)
    }

    /// The address under which the browser knows us.
    pub(super) fn origin(&self) -> String {
        if let Some(url) = self.app.config.service.known_url() {
            return url;
        }
        let scheme = match self.transport() {
            Transport::Tls => "https",
            Transport::Plain => "http",
        };
        format!("{scheme}://{}", self.host())
    }

    pub(super) fn host(&self) -> &str {
        self.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost")
    }

    /// The session, if one is open.
    pub(super) fn session(&self) -> Option<Session> {
        open_session(&self.app, self.headers(), self.transport())
    }

    /// Credentials with a header of its own in place of the browser's.
    pub(super) fn credentials<'a>(
        &'a self,
        authorization: &'a str,
        tenant: Option<&'a str>,
    ) -> Credentials<'a> {
        let found = edge::credentials(self.headers(), &self.parts.extensions);
        Credentials {
            authorization: Some(authorization),
            x_api_key: None,
            tenant_header: tenant,
            slug_header: None,
            host: found.host,
            // Whoever has a session came with a credential; the socket's owner needs none of ours.
            peer: found.peer,
        }
    }

    /// A form must be told by the browser to come from us, and carry the token that a page of ours gave it.
    fn require_own_form(&self) -> Result<(), Failure> {
        let text = |name: &str| self.headers().get(name).and_then(|value| value.to_str().ok());
        let of_site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
        let of_origin = text("origin").is_none_or(|origin| {
            origin.split_once("://").is_some_and(|(_, host)| host.eq_ignore_ascii_case(self.host()))
        });
        if of_site && of_origin && self.app.console.is_form_token(self.sent.raw("form_token"), self.binding())
        {
            return Ok(());
        }
        let message =
            "this form is out of date, or was not sent from here; open the page again and repeat it";
        Err(Failure::Coded(ErrorCode::Forbidden, message.to_owned()))
    }
}

impl Asked {
    pub(super) fn app(&self) -> &Arc<App> {
        &self.guest.app
    }

    pub(super) fn sent(&self) -> &Sent {
        &self.guest.sent
    }

    fn credentials(&self) -> Credentials<'_> {
        self.guest.credentials(self.session.authorization.reveal(), self.session.tenant.as_deref())
    }

    /// Admits one operation with the session's credential, does `work`, and settles it.
    pub(super) async fn run<T>(
        &self,
        operation: Operation,
        work: impl AsyncFnOnce(&Pass) -> Result<Done<T>, Failure>,
    ) -> Result<T, Failure> {
        let visit = Visit::admit(self.app(), &self.guest.request(), &self.credentials(), operation).await?;
        let outcome = work(visit.pass()).await;
        visit.settle(outcome, |_| 200).outcome
    }

    /// The same for the administration of the tenant that the session looks at.
    pub(super) async fn manage<T>(
        &self,
        operation: Operation,
        work: impl AsyncFnOnce(&Pass, &Caller) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.manage_of(self.session.tenant.as_deref(), operation, work).await
    }

    /// The same of another tenant, for whoever runs the service.
    pub(super) async fn manage_of<T>(
        &self,
        tenant: Option<&str>,
        operation: Operation,
        work: impl AsyncFnOnce(&Pass, &Caller) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let credentials = Credentials { tenant_header: tenant, ..self.credentials() };
        let visit = Visit::admit(self.app(), &self.guest.request(), &credentials, operation).await?;
        let caller = Caller { principal: visit.pass().principal().clone(), peer: credentials.peer };
        let outcome = work(visit.pass(), &caller).await;
        visit.settle(outcome.map(|value| Done::read(value, None)), |_| 200).outcome
    }

    /// Admits whoever runs the service, and does `work`.
    pub(super) async fn operate<T>(
        &self,
        work: impl AsyncFnOnce(&OperatorPass, &Caller) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let credentials = Credentials { tenant_header: None, ..self.credentials() };
        let pass = self.app().gateway.admit_operator(&credentials).await?;
        let caller = Caller { principal: pass.principal().clone(), peer: credentials.peer };
        work(&pass, &caller).await
    }

    /// Finds out who is asking, for what belongs neither to a tenant nor to the operator alone.
    pub(super) async fn caller(&self) -> Result<Caller, Failure> {
        let credentials = Credentials { tenant_header: None, ..self.credentials() };
        let principal = self.app().gateway.authenticate(&credentials).await?;
        Ok(Caller { principal, peer: credentials.peer })
    }
}

fn open_session(app: &App, headers: &HeaderMap, transport: Transport) -> Option<Session> {
    let name = cookie::read(headers, transport, cookie::SESSION)?;
    app.console.sessions.of(name, app.clock.now_ms())
}

fn transport(extensions: &http::Extensions) -> Transport {
    extensions.get::<Transport>().copied().unwrap_or(Transport::Plain)
}

/// Whether another site led the browser here, for which browsers leave a strict cookie at home.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}

/// Asks for the same page again, this time from a page of ours.
fn again(path: &str) -> Response {
    let refresh = HeaderValue::from_str(&format!("0; url={}", own_path(path)));
    let html = format!("<!doctype html><title>Engram</title><link rel=icon href={}>", ICON.path);
    let mut response = Html(html).into_response();
    if let Ok(refresh) = refresh {
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    response
}

async fn read(app: &App, body: Body) -> Result<Sent, Failure> {
    let limits = &app.config.limits;
    let reading = axum::body::to_bytes(body, limits.body_bytes);
    match tokio::time::timeout(limits.body_timeout, reading).await {
        Ok(Ok(bytes)) => Ok(Sent::parse(&bytes)),
        Ok(Err(_)) => Err(edge::too_large(limits.body_bytes)),
        Err(_) => {
            Err(Failure::Coded(ErrorCode::RequestTimeout, ErrorCode::RequestTimeout.meaning().to_owned()))
        }
    }
}
