//! Every page and every deed of the console, in one list.

use std::sync::Arc;

use api::ErrorCode;
use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use tower_http::compression::CompressionLayer;

use super::asked::Guest;
use super::layout::{error_page, guard};
use super::pages::{
    alerts, audit_log, backups, choose, edit, keys, memories, memory, overview, people, quickstart, restore,
    restore_tests, run, runbook, search, service, sessions, tenants, usage,
};
use super::{assets, provider, sign_in};
use crate::app::App;
use crate::operations::Failure;

/// Every page that somebody can look at, and who does.
pub const PAGES: &[Page] = &[
    page(Side::Anybody, "/console/sign-in", || get(sign_in::show).post(sign_in::by_key)),
    // memories
    page(Side::Tenant, "/console", || get(overview::show)),
    page(Side::Tenant, "/console/quickstart", || get(quickstart::show)),
    page(Side::Tenant, "/console/search", || get(search::show)),
    page(Side::Tenant, "/console/sessions", || get(sessions::show)),
    page(Side::Tenant, "/console/memories", || get(memories::show).post(edit::create)),
    page(Side::Tenant, "/console/memories/new", || get(edit::show_new)),
    page(Side::Tenant, "/console/memories/{id}", || get(memory::show).post(edit::update)),
    page(Side::Tenant, "/console/memories/{id}/edit", || get(edit::show)),
    // the tenant
    page(Side::Person, "/console/choose", || get(choose::show).post(choose::choose)),
    page(Side::Tenant, "/console/keys", || get(keys::show).post(keys::create)),
    page(Side::Tenant, "/console/people", || get(people::show)),
    page(Side::Tenant, "/console/usage", || get(usage::show)),
    page(Side::Tenant, "/console/audit-log", || get(audit_log::show)),
    // the service
    page(Side::Operator, "/console/service", || get(service::show)),
    page(Side::Operator, "/console/service/live", || get(service::live)),
    page(Side::Operator, "/console/service/tenants", || get(tenants::show).post(tenants::create)),
    page(Side::Operator, "/console/service/tenants/{slug}", || get(tenants::show_one).post(tenants::update)),
    page(Side::Operator, "/console/service/alerts", || get(alerts::show).post(alerts::act)),
    page(Side::Operator, "/console/service/runbooks/{name}", || get(runbook::show)),
    page(Side::Operator, "/console/service/backups", || get(backups::show).post(backups::create_all)),
    page(Side::Operator, "/console/service/backups/{slug}", || get(backups::show_one).post(backups::create)),
    page(Side::Operator, "/console/service/backups/{slug}/restore", || {
        get(restore::show).post(restore::begin)
    }),
    page(Side::Operator, "/console/service/restore-tests", || {
        get(restore_tests::show).post(restore_tests::create)
    }),
    page(Side::Operator, "/console/service/runs/{run}", || get(run::show)),
    page(Side::Operator, "/console/service/runs/{run}/live", || get(run::live)),
    page(Side::Operator, "/console/service/audit-log", || get(audit_log::show_all)),
];

/// A page of the console.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Who looks at it.
    pub side: Side,
    /// Its address, with `{name}` for what differs.
    pub path: &'static str,
    methods: fn() -> MethodRouter<Arc<App>>,
}

/// Who looks at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Whoever comes by.
    Anybody,
    /// Whoever works in a tenant.
    Tenant,
    /// People and operators, who have several tenants to look at; a tenant's key has one.
    Person,
    /// Whoever runs the service.
    Operator,
}

/// The console's routes; none when it is switched off.
pub(crate) fn router(app: &Arc<App>) -> Router {
    if !app.config.console.enabled {
        return Router::new();
    }
    PAGES
        .iter()
        .fold(Router::new(), |router, page| router.route(page.path, (page.methods)()))
        // signing in and out
        .route("/console/sign-in/dev", post(sign_in::by_click))
        .route("/console/sign-in/provider", get(provider::leave))
        .route("/console/sign-in/callback", get(provider::come_back))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/theme", post(sign_in::theme))
        // memories
        .route("/console/memories/{id}/revert", post(memory::revert))
        .route("/console/memories/{id}/delete", post(memory::delete))
        // the tenant
        .route("/console/choose/create", post(choose::create))
        .route("/console/choose/accept", post(choose::accept))
        .route("/console/keys/{id}/rotate", post(keys::rotate))
        .route("/console/keys/{id}/revoke", post(keys::revoke))
        .route("/console/people/invites", post(people::invite))
        .route("/console/people/invites/{id}/revoke", post(people::revoke_invite))
        .route("/console/people/{user_id}/role", post(people::change_role))
        .route("/console/people/{user_id}/remove", post(people::remove))
        .merge(assets::routes())
        .route("/console/{*rest}", any(nothing))
        .layer(map_response(guard))
        .layer(CompressionLayer::new())
        .with_state(Arc::clone(app))
}

const fn page(side: Side, path: &'static str, methods: fn() -> MethodRouter<Arc<App>>) -> Page {
    Page { side, path, methods }
}

async fn nothing(guest: Guest) -> Response {
    let message = "there is no such page".to_owned();
    error_page(&guest, &Failure::Coded(ErrorCode::RouteNotFound, message))
}
