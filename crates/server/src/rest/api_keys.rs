//! `/api-keys`: a tenant's admin manages its own keys, an operator any.

use axum::response::Response;
use tenancy::Operation;

use super::call::{Call, TenantIn};
use crate::decode;
use crate::operations::{self, Failure};

/// Make a key
///
/// The key itself is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys", tag = "administration", operation_id = "create_api_key",
    request_body = api::CreateApiKey,
    responses((status = 201, description = "The key, shown this once", body = api::CreatedApiKey)))]
pub(super) async fn create_api_key(call: Call) -> Response {
    call.answer_admin(Operation::CreateApiKey, TenantIn::Body, 201, async |call, pass, caller| {
        let input = decode::create_api_key(call.json().await?, call.app().clock.now())?;
        operations::create_api_key(call.app(), pass, caller, input).await
    })
    .await
}

/// Make an operator's key, which manages tenants and reaches no memories
#[utoipa::path(post, path = "/operator-keys", tag = "administration", operation_id = "create_operator_key",
    request_body = api::CreateApiKey,
    responses((status = 201, description = "The key, shown this once", body = api::CreatedApiKey)))]
pub(super) async fn create_operator_key(call: Call) -> Response {
    call.answer_operator(201, async |call, pass| {
        let input = decode::create_api_key(call.json().await?, call.app().clock.now())?;
        if input.tenant.is_some() {
            return Err(Failure::field("tenant", "must be absent: an operator's key has no tenant"));
        }
        operations::create_operator_key(call.app(), pass, input).await
    })
    .await
}

/// List keys
///
/// An operator who names no tenant sees every key.
#[utoipa::path(get, path = "/api-keys", tag = "administration", operation_id = "list_api_keys",
    params(("tenant" = Option<String>, Query, description = "Only this tenant's keys.")),
    responses((status = 200, description = "Oldest first, revoked ones included", body = api::ApiKeyList)))]
pub(super) async fn list_api_keys(call: Call) -> Response {
    call.answer_admin_or_all(Operation::ListApiKeys, TenantIn::Query, 200, async |call, reach, _| {
        decode::of_tenant(call.query()?)?;
        operations::list_api_keys(call.app(), reach).await
    })
    .await
}

/// Replace a key by a new one
///
/// The new key has the name and the scopes of the old one, and is in this answer and nowhere else. The old one
/// opens until the overlap is over.
#[utoipa::path(post, path = "/api-keys/{id}/rotate", tag = "administration", operation_id = "rotate_api_key",
    params(("id" = String, Path, description = "The key's id.")),
    request_body = api::RotateApiKey,
    responses((status = 201, description = "The new key, shown this once", body = api::CreatedApiKey)))]
pub(super) async fn rotate_api_key(call: Call) -> Response {
    call.answer_admin_or_all(Operation::RotateApiKey, TenantIn::Body, 201, async |call, reach, caller| {
        let id = call.segment("id").await?;
        let overlap = decode::rotate_api_key(call.json().await?)?;
        operations::rotate_api_key(call.app(), reach, caller, &id, overlap).await
    })
    .await
}

/// Revoke a key for ever
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "administration", operation_id = "revoke_api_key",
    params(
        ("id" = String, Path, description = "The key's id."),
        ("tenant" = Option<String>, Query, description = "The tenant's slug; operators may leave it out."),
    ),
    responses((status = 200, description = "The revoked key", body = api::ApiKey)))]
pub(super) async fn revoke_api_key(call: Call) -> Response {
    call.answer_admin_or_all(Operation::RevokeApiKey, TenantIn::Query, 200, async |call, reach, caller| {
        decode::of_tenant(call.query()?)?;
        let id = call.segment("id").await?;
        operations::revoke_api_key(call.app(), reach, caller, &id).await
    })
    .await
}
