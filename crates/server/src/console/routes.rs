//! Every page and every deed of the console, in one list.

use std::sync::Arc;

use api::ErrorCode;
use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{any, get, post};
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

/// The console's routes; none when it is switched off.
pub(crate) fn router(app: &Arc<App>) -> Router {
    if !app.config.console.enabled {
        return Router::new();
    }
    Router::new()
        // signing in and out
        .route("/console/sign-in", get(sign_in::show).post(sign_in::by_key))
        .route("/console/sign-in/dev", post(sign_in::by_click))
        .route("/console/sign-in/provider", get(provider::leave))
        .route("/console/sign-in/callback", get(provider::come_back))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/theme", post(sign_in::theme))
        // memories
        .route("/console", get(overview::show))
        .route("/console/quickstart", get(quickstart::show))
        .route("/console/search", get(search::show))
        .route("/console/sessions", get(sessions::show))
        .route("/console/memories", get(memories::show).post(edit::create))
        .route("/console/memories/new", get(edit::show_new))
        .route("/console/memories/{id}", get(memory::show).post(edit::update))
        .route("/console/memories/{id}/edit", get(edit::show))
        .route("/console/memories/{id}/revert", post(memory::revert))
        .route("/console/memories/{id}/delete", post(memory::delete))
        // the tenant
        .route("/console/choose", get(choose::show).post(choose::choose))
        .route("/console/choose/create", post(choose::create))
        .route("/console/choose/accept", post(choose::accept))
        .route("/console/keys", get(keys::show).post(keys::create))
        .route("/console/keys/{id}/rotate", post(keys::rotate))
        .route("/console/keys/{id}/revoke", post(keys::revoke))
        .route("/console/people", get(people::show))
        .route("/console/people/invites", post(people::invite))
        .route("/console/people/invites/{id}/revoke", post(people::revoke_invite))
        .route("/console/people/{user_id}/role", post(people::change_role))
        .route("/console/people/{user_id}/remove", post(people::remove))
        .route("/console/usage", get(usage::show))
        .route("/console/audit-log", get(audit_log::show))
        // the service
        .route("/console/service", get(service::show))
        .route("/console/service/live", get(service::live))
        .route("/console/service/tenants", get(tenants::show).post(tenants::create))
        .route("/console/service/tenants/{slug}", get(tenants::show_one).post(tenants::update))
        .route("/console/service/alerts", get(alerts::show).post(alerts::act))
        .route("/console/service/runbooks/{name}", get(runbook::show))
        .route("/console/service/backups", get(backups::show).post(backups::create_all))
        .route("/console/service/backups/{slug}", get(backups::show_one).post(backups::create))
        .route("/console/service/backups/{slug}/restore", get(restore::show).post(restore::begin))
        .route("/console/service/restore-tests", get(restore_tests::show).post(restore_tests::create))
        .route("/console/service/runs/{run}", get(run::show))
        .route("/console/service/runs/{run}/live", get(run::live))
        .route("/console/service/audit-log", get(audit_log::show_all))
        .merge(assets::routes())
        .route("/console/{*rest}", any(nothing))
        .layer(map_response(guard))
        .layer(CompressionLayer::new())
        .with_state(Arc::clone(app))
}

async fn nothing(guest: Guest) -> Response {
    let message = "there is no such page".to_owned();
    error_page(&guest, &Failure::Coded(ErrorCode::RouteNotFound, message))
}
