//! `/tenants`, for operators.

use axum::response::Response;
use tenancy::Slug;

use super::call::Call;
use crate::decode;
use crate::operations::{self, Failure};

/// Create a tenant
#[utoipa::path(post, path = "/tenants", tag = "administration", operation_id = "create_tenant",
    request_body = api::CreateTenant,
    responses((status = 201, description = "The tenant", body = api::Tenant)))]
pub(super) async fn create_tenant(call: Call) -> Response {
    call.answer_operator(201, async |call, pass| {
        let input = decode::create_tenant(call.json().await?)?;
        operations::create_tenant(call.app(), pass, input).await
    })
    .await
}

/// List tenants
#[utoipa::path(get, path = "/tenants", tag = "administration", operation_id = "list_tenants",
    responses((status = 200, description = "By slug, deleted ones included", body = api::TenantList)))]
pub(super) async fn list_tenants(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        call.expect_no_query()?;
        operations::list_tenants(call.app(), pass).await
    })
    .await
}

/// Read a tenant
#[utoipa::path(get, path = "/tenants/{slug}", tag = "administration", operation_id = "show_tenant",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    responses((status = 200, description = "The tenant", body = api::Tenant)))]
pub(super) async fn show_tenant(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let slug = slug_in_path(call).await?;
        operations::show_tenant(call.app(), pass, &slug).await
    })
    .await
}

/// Suspend, resume or delete a tenant, or change its plan
#[utoipa::path(patch, path = "/tenants/{slug}", tag = "administration", operation_id = "update_tenant",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    request_body = api::UpdateTenant,
    responses((status = 200, description = "The tenant as it is now", body = api::Tenant)))]
pub(super) async fn update_tenant(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let slug = slug_in_path(call).await?;
        let change = decode::update_tenant(call.json().await?)?;
        operations::update_tenant(call.app(), pass, &slug, change).await
    })
    .await
}

async fn slug_in_path(call: &mut Call) -> Result<Slug, Failure> {
    let text = call.segment("slug").await?;
    Slug::parse(&text).map_err(|error| Failure::field("slug", error.to_string()))
}
