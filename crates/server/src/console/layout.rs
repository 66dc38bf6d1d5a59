//! The frame around every page: the menu, the theme, and the headers that keep a page to itself.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use super::asked::{Asked, Guest};
use super::assets::{ICON, SCRIPT, STYLE};
use super::fields::link;
use super::parts::form_token;
use super::session::{Menu, Session};
use crate::operations::Failure;

/// Scripts and styles from here alone, none in the page; nobody may frame it, and forms stay here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Every other header of a page.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// A page of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Memories,
    Sessions,
    Search,
    Quickstart,
    Keys,
    People,
    Usage,
    AuditLog,
    Service,
    Alerts,
    Tenants,
    Backups,
    RestoreTests,
    ServiceAuditLog,
    /// Not in the menu.
    Elsewhere,
}

/// Groups of the menu: a heading, whether somebody sees it, and its pages.
struct Group {
    heading: &'static str,
    is_for: fn(&Session) -> bool,
    tabs: &'static [(Tab, &'static str, &'static str)],
}

const GROUPS: &[Group] = &[
    Group {
        heading: "Memory",
        is_for: |session| session.menu.memories,
        tabs: &[
            (Tab::Overview, "Overview", "/console"),
            (Tab::Memories, "Memories", "/console/memories"),
            (Tab::Sessions, "Sessions", "/console/sessions"),
            (Tab::Search, "Search", "/console/search"),
            (Tab::Quickstart, "Quickstart", "/console/quickstart"),
        ],
    },
    Group {
        heading: "Tenant",
        is_for: |session| session.menu.administration && session.tenant.is_some(),
        tabs: &[
            (Tab::Keys, "API keys", "/console/keys"),
            (Tab::People, "People", "/console/people"),
            (Tab::Usage, "Usage", "/console/usage"),
            (Tab::AuditLog, "Audit log", "/console/audit-log"),
        ],
    },
    Group {
        heading: "Service",
        is_for: |session| session.menu.service,
        tabs: &[
            (Tab::Service, "Health", "/console/service"),
            (Tab::Alerts, "Alerts", "/console/service/alerts"),
            (Tab::Tenants, "Tenants", "/console/service/tenants"),
            (Tab::Backups, "Backups", "/console/service/backups"),
            (Tab::RestoreTests, "Restore tests", "/console/service/restore-tests"),
            (Tab::ServiceAuditLog, "Audit log", "/console/service/audit-log"),
        ],
    },
];

impl Menu {
    /// Where somebody begins.
    pub(super) fn home(self) -> &'static str {
        if self.memories || !self.service { "/console" } else { "/console/service" }
    }
}

/// A page for somebody who is signed in.
pub(super) fn page(asked: &Asked, tab: Tab, title: &str, main: &Markup) -> Response {
    framed(&asked.guest, StatusCode::OK, title, &html! {}, &shell(asked, tab, main))
}

/// A page that shows how far something is: browsers that run no script ask for it again until it is over.
pub(super) fn page_that_goes_on(
    asked: &Asked,
    tab: Tab,
    title: &str,
    is_over: bool,
    main: &Markup,
) -> Response {
    let head = html! { @if !is_over { noscript { meta http-equiv="refresh" content="2"; } } };
    framed(&asked.guest, StatusCode::OK, title, &head, &shell(asked, tab, main))
}

fn shell(asked: &Asked, tab: Tab, main: &Markup) -> Markup {
    html! {
        a .skip href="#main" { "Skip to content" }
        div .shell {
            (menu(asked, &asked.session, tab))
            main #main tabindex="-1" { (main) }
        }
    }
}

/// What went wrong, within the frame; a session whose credential opens no more is over.
pub(super) fn failed(asked: &Asked, tab: Tab, failure: &Failure) -> Response {
    let request = asked.guest.arrival();
    failure.log(&request);
    if failure.status() == 401 {
        asked.app().console.sessions.end(asked.guest.cookie());
        return axum::response::Redirect::to("/console/sign-in?ended=credential").into_response();
    }
    let mut response = page(
        asked,
        tab,
        heading(failure),
        &html! {
            h1 { (heading(failure)) }
            (told(failure, &request.to_string()))
        },
    );
    *response.status_mut() = status(failure);
    response
}

/// What went wrong, for anybody.
pub(super) fn error_page(guest: &Guest, failure: &Failure) -> Response {
    let request = guest.arrival();
    failure.log(&request);
    framed(
        guest,
        status(failure),
        heading(failure),
        &html! {},
        &html! {
            main #main .alone { div .card {
                h1 { (heading(failure)) }
                (told(failure, &request.to_string()))
                p { a .button href="/console" { "To the console" } }
            } }
        },
    )
}

/// A page without a menu.
pub(super) fn bare(guest: &Guest, title: &str, main: &Markup) -> Response {
    framed(guest, StatusCode::OK, title, &html! {}, &html! { main #main .alone { (main) } })
}

/// Puts the headers of every console page on an answer; files that never change keep their own caching.
pub(super) async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    response
}

fn framed(guest: &Guest, status: StatusCode, title: &str, head: &Markup, body: &Markup) -> Response {
    let html = html! {
        (DOCTYPE)
        html lang="en" data-theme=[guest.theme()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Engram" }
                link rel="icon" href=(ICON.path);
                link rel="stylesheet" href=(STYLE.path);
                script src=(SCRIPT.path) defer {}
                (head)
            }
            body { (body) }
        }
    };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], html.into_string()).into_response()
}

fn menu(asked: &Asked, session: &Session, here: Tab) -> Markup {
    html! {
        header .side {
            div .brand {
                a href=(session.menu.home()) { img src=(ICON.path) alt="" width="26" height="26"; "Engram" }
                @if asked.app().console.environment != tenancy::Environment::Prod {
                    span .env { (asked.app().console.environment.as_str()) }
                }
            }
            input #menu-open .menu-open type="checkbox" aria-label="Show the menu";
            label .menu-button for="menu-open" aria-hidden="true" { "Menu" }
            div .menu {
                @if let Some(tenant) = &session.tenant {
                    div .tenant {
                        span .label { "Tenant" }
                        strong { bdi { (tenant) } }
                        @if session.menu.tenants { a href="/console/choose" { "Switch" } }
                    }
                } @else if session.menu.tenants {
                    div .tenant { a href="/console/choose" { "Choose a tenant" } }
                }
                nav aria-label="Console" {
                    @for group in GROUPS.iter().filter(|group| (group.is_for)(session)) {
                        div .group {
                            h2 { (group.heading) }
                            ul { @for (tab, label, path) in group.tabs {
                                li { a href=(path) aria-current=[(*tab == here).then_some("page")] { (label) (failing(asked, *tab)) } }
                            } }
                        }
                    }
                }
                div .foot {
                    p .who { "Signed in as " bdi { (session.who) } }
                    div .row {
                        (theme_switch(asked))
                        form method="post" action="/console/sign-out" {
                            (form_token(&asked.guest))
                            button .quiet { "Sign out" }
                        }
                        a .quiet href="/docs" { "API" }
                    }
                }
            }
        }
    }
}

/// How many checks fail, beside the page that says which.
fn failing(asked: &Asked, tab: Tab) -> Markup {
    let failing = if tab == Tab::Alerts { asked.app().findings.failing() } else { 0 };
    html! { @if failing > 0 { " " span .badge .bad { (failing) span .visually-hidden { " failing" } } } }
}

fn theme_switch(asked: &Asked) -> Markup {
    html! {
        form .theme method="post" action="/console/theme" {
            (form_token(&asked.guest))
            input type="hidden" name="back" value=(asked.guest.address());
            @for (theme, label) in [("light", "Light theme"), ("dark", "Dark theme")] {
                button .quiet .{ "to-" (theme) } name="theme" value=(theme) title=(label) { span .visually-hidden { (label) } (sign(theme)) }
            }
        }
    }
}

fn sign(theme: &str) -> Markup {
    html! {
        svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true" {
            @if theme == "light" {
                circle cx="8" cy="8" r="3" {}
                path d="M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1" {}
            } @else {
                path d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z" {}
            }
        }
    }
}

fn heading(failure: &Failure) -> &'static str {
    match failure.status() {
        400 => "That did not work",
        402 => "The plan allows no more",
        403 => "Not allowed",
        404 => "Not found",
        409 => "Somebody was faster",
        413 => "Too large",
        429 => "Too many requests",
        503 => "Not now",
        _ => "Something went wrong",
    }
}

fn told(failure: &Failure, request: &str) -> Markup {
    html! {
        div .notice .bad role="alert" { p { (failure.message()) } }
        p .hint { "Code " code { (failure.code().as_str()) } ", request " code { (request) } }
    }
}

fn status(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Where the choice of a tenant is made when a page needs one.
pub(super) fn choose(next: &str) -> Response {
    axum::response::Redirect::to(&link("/console/choose", &[("next", next)])).into_response()
}
