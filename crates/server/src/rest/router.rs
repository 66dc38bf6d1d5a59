//! Every route of the service, in one list.

use std::sync::Arc;

use api::ErrorCode;
use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use tenancy::RequestId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    api_keys, audit_log, backups, checks, docs_page, invites, jwks, load, members, memories, openapi, plans,
    protected_resource, search, service, stats, tenants, transfer, usage, workspaces,
};
use crate::app::App;
use crate::edge::{self, Arrival};
use crate::operations::Failure;
use crate::telemetry;

/// Every route of every door, behind the edge.
pub fn router(app: &Arc<App>) -> Router {
    let (routes, _) = described().split_for_parts();
    telemetry::start_routes_at_zero(routes_and_methods());
    let mut routes = routes.with_state(Arc::clone(app));
    if app.config.telemetry.metrics_listen.is_none() {
        routes = routes.merge(metrics_router(app));
    }
    routes
        .merge(openapi::routes())
        .merge(docs_page::routes())
        .merge(protected_resource::routes(app))
        .merge(crate::mcp::router(app))
        .merge(crate::console::router(app))
        .fallback(no_such_route)
        .layer(from_fn_with_state(Arc::clone(app), edge::pass_through))
        .layer(edge::cors(&app.config))
        .layer(from_fn_with_state(Arc::clone(app), edge::arrive))
}

/// Every route that does a tenant's or an operator's work, with its methods.
fn routes_and_methods() -> Vec<(&'static str, &'static str)> {
    let paths = openapi::document()["paths"].as_object();
    let mut all: Vec<_> = paths
        .into_iter()
        .flatten()
        .flat_map(|(path, deeds)| {
            METHODS.iter().filter(|(key, _)| !deeds[*key].is_null()).map(move |m| (path.as_str(), m.1))
        })
        .collect();
    all.push(("/v1/mcp", "POST"));
    all
}

/// Methods as the document and the metrics spell them.
const METHODS: [(&str, &str); 5] =
    [("get", "GET"), ("post", "POST"), ("patch", "PATCH"), ("put", "PUT"), ("delete", "DELETE")];

/// `/metrics` alone, for an address of its own.
pub fn metrics_router(app: &Arc<App>) -> Router {
    Router::new().route("/metrics", get(service::metrics)).with_state(Arc::clone(app))
}

/// The routes that are in the OpenAPI document; the rest are `/metrics` (which may have an address of its own),
/// `/openapi.json`, `/docs`, `/`, `/console`, which is for people,
/// `/.well-known/oauth-protected-resource`, which is another standard's, and `/v1/mcp`,
/// which speaks a protocol of its own.
pub(super) fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::preamble())
        // memories
        .routes(routes!(memories::create_memory, memories::list_memories))
        .routes(routes!(memories::create_memory_batch))
        .routes(routes!(memories::delete_memories_by_filter))
        .routes(routes!(memories::get_memory, memories::update_memory, memories::delete_memory))
        .routes(routes!(memories::memory_history))
        .routes(routes!(memories::revert_memory))
        // search
        .routes(routes!(search::search, search::search_by_url))
        .routes(routes!(search::recall_context))
        // all of it
        .routes(routes!(transfer::export_memories))
        .routes(routes!(transfer::import_memories))
        // what there is
        .routes(routes!(workspaces::list_workspaces))
        .routes(routes!(stats::stats))
        .routes(routes!(usage::show_usage))
        // administration
        .routes(routes!(tenants::create_tenant, tenants::list_tenants))
        .routes(routes!(tenants::show_tenant, tenants::update_tenant, tenants::delete_tenant))
        .routes(routes!(tenants::show_deletion))
        .routes(routes!(members::add_member, members::list_members))
        .routes(routes!(members::update_member, members::remove_member))
        .routes(routes!(members::leave_tenant))
        .routes(routes!(invites::create_invite, invites::list_invites))
        .routes(routes!(invites::accept_invite))
        .routes(routes!(invites::revoke_invite))
        .routes(routes!(api_keys::create_api_key, api_keys::list_api_keys))
        .routes(routes!(api_keys::rotate_api_key))
        .routes(routes!(api_keys::revoke_api_key))
        .routes(routes!(api_keys::create_operator_key))
        .routes(routes!(plans::list_plans, plans::set_plan))
        .routes(routes!(usage::report_usage))
        .routes(routes!(usage::list_usage_events))
        .routes(routes!(usage::adjust_usage))
        .routes(routes!(usage::reconcile_usage))
        .routes(routes!(audit_log::show_audit_log))
        .routes(routes!(jwks::show_jwks))
        .routes(routes!(jwks::refresh_jwks))
        .routes(routes!(load::show_load, load::change_load))
        .routes(routes!(checks::run_checks))
        .routes(routes!(checks::repair))
        // backups
        .routes(routes!(backups::create_backup, backups::list_backups))
        .routes(routes!(backups::create_all_backups))
        .routes(routes!(backups::create_restore, backups::list_restores))
        .routes(routes!(backups::plan_restore))
        .routes(routes!(backups::list_replaced))
        .routes(routes!(backups::salvage_memories))
        .routes(routes!(backups::show_tenant_run))
        .routes(routes!(backups::show_run))
        .routes(routes!(backups::create_restore_test, backups::list_restore_tests))
        .routes(routes!(backups::rotate_operator_key))
        // the service itself
        .routes(routes!(service::health))
        .routes(routes!(service::ready))
}

pub(super) async fn no_such_route(request: Request) -> Response {
    let id = match request.extensions().get::<Arrival>() {
        Some(arrival) => arrival.request,
        None => RequestId::from_uuid(uuid::Uuid::nil()),
    };
    let message = "there is no such path; /docs lists those there are".to_owned();
    edge::error_answer(&Failure::Coded(ErrorCode::RouteNotFound, message), &id)
}
