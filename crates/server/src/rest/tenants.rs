//! `/tenants`: operators manage them; people sign up for one and see those they belong to.

use axum::response::Response;
use tenancy::{Operation, Slug};

use super::call::{Call, TenantIn};
use crate::decode;
use crate::operations::{self, Failure};

/// Create a tenant
///
/// For operators. Where `sign_up` is `open`, a person who is signed in may too, and becomes its owner.
#[utoipa::path(post, path = "/tenants", tag = "administration", operation_id = "create_tenant",
    request_body = api::CreateTenant,
    responses((status = 201, description = "The tenant", body = api::Tenant)))]
pub(super) async fn create_tenant(call: Call) -> Response {
    call.answer_caller(201, async |call, caller| {
        let input = decode::create_tenant(call.json().await?)?;
        operations::create_tenant(call.app(), caller, input).await
    })
    .await
}

/// List tenants
///
/// Operators see all, deleted ones included; a person sees those they are a member of, with their role.
#[utoipa::path(get, path = "/tenants", tag = "administration", operation_id = "list_tenants",
    params(
        ("status" = Option<String>, Query, description = "Only `active`, `suspended` or `deleted` ones."),
        ("limit" = Option<i64>, Query, description = "1 to 100 tenants, 50 unless said."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "By slug", body = api::TenantList)))]
pub(super) async fn list_tenants(call: Call) -> Response {
    call.answer_caller(200, async |call, caller| {
        let query = decode::list_tenants(call.query()?)?;
        operations::list_tenants(call.app(), caller, query).await
    })
    .await
}

/// Read a tenant and its limits
///
/// For operators, and for keys and people of the tenant with the scope `admin`.
#[utoipa::path(get, path = "/tenants/{slug}", tag = "administration", operation_id = "show_tenant",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    responses((status = 200, description = "The tenant", body = api::TenantDetails)))]
pub(super) async fn show_tenant(call: Call) -> Response {
    call.answer_admin(Operation::ShowTenant, TenantIn::Path, 200, async |call, pass, _| {
        call.expect_no_query()?;
        operations::show_tenant(call.app(), pass).await
    })
    .await
}

/// Suspend or resume a tenant, or change its plan
#[utoipa::path(patch, path = "/tenants/{slug}", tag = "administration", operation_id = "update_tenant",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    request_body = api::UpdateTenant,
    responses((status = 200, description = "The tenant as it is now", body = api::Tenant)))]
pub(super) async fn update_tenant(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let text = call.segment("slug").await?;
        let slug = Slug::parse(&text).map_err(|error| Failure::field("slug", error.to_string()))?;
        let change = decode::update_tenant(call.json().await?)?;
        operations::update_tenant(call.app(), pass, &slug, change).await
    })
    .await
}

/// Delete a tenant for ever, with all it stored
///
/// When this answers, its traffic has stopped; what it stored is removed in the background. For operators and the
/// tenant's owners.
#[utoipa::path(delete, path = "/tenants/{slug}", tag = "administration", operation_id = "delete_tenant",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    responses((status = 202, description = "The deletion, which goes on", body = api::Deletion)))]
pub(super) async fn delete_tenant(call: Call) -> Response {
    call.answer_admin(Operation::DeleteTenant, TenantIn::Path, 202, async |call, pass, caller| {
        call.expect_no_query()?;
        operations::delete_tenant(call.app(), pass, caller).await
    })
    .await
}

/// Read how far the deletion of a tenant is
///
/// By the tenant's id, or by the slug that it had. Once it is finished, `steps` is the receipt.
#[utoipa::path(get, path = "/tenants/{slug}/deletion", tag = "administration", operation_id = "show_deletion",
    params(("slug" = String, Path, description = "The tenant's id, or its slug.")),
    responses((status = 200, description = "The deletion", body = api::Deletion)))]
pub(super) async fn show_deletion(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        call.expect_no_query()?;
        let named = call.segment("slug").await?;
        operations::show_deletion(call.app(), pass, &named).await
    })
    .await
}
