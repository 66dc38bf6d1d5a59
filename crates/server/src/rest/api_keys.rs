//! `/api-keys`: a tenant's admin manages its own keys, an operator any.

use axum::response::Response;
use tenancy::Slug;

use super::call::Call;
use crate::decode::{self, Fields, Form, Problems};
use crate::operations::{self, Failure, KeyOwnerAsked};

/// Make a key
///
/// The key itself is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys", tag = "administration", operation_id = "create_api_key",
    request_body = api::CreateApiKey,
    responses((status = 201, description = "The key, shown this once", body = api::CreatedApiKey)))]
pub(super) async fn create_api_key(call: Call) -> Response {
    call.answer_principal(201, async |call, caller| {
        let input = decode::create_api_key(call.json().await?, call.app().clock.now())?;
        operations::create_api_key(call.app(), caller, KeyOwnerAsked::Tenant, input).await
    })
    .await
}

/// Make an operator's key, which manages tenants and reaches no memories
#[utoipa::path(post, path = "/operator-keys", tag = "administration", operation_id = "create_operator_key",
    request_body = api::CreateApiKey,
    responses((status = 201, description = "The key, shown this once", body = api::CreatedApiKey)))]
pub(super) async fn create_operator_key(call: Call) -> Response {
    call.answer_principal(201, async |call, caller| {
        let input = decode::create_api_key(call.json().await?, call.app().clock.now())?;
        if input.tenant.is_some() {
            return Err(Failure::field("tenant", "must be absent: an operator's key has no tenant"));
        }
        operations::create_api_key(call.app(), caller, KeyOwnerAsked::Operator, input).await
    })
    .await
}

/// List keys
#[utoipa::path(get, path = "/api-keys", tag = "administration", operation_id = "list_api_keys",
    params(("tenant" = Option<String>, Query, description = "Only this tenant's keys.")),
    responses((status = 200, description = "Oldest first, revoked ones included", body = api::ApiKeyList)))]
pub(super) async fn list_api_keys(call: Call) -> Response {
    call.answer_principal(200, async |call, caller| {
        let tenant = tenant_asked(call)?;
        operations::list_api_keys(call.app(), caller, tenant.as_ref()).await
    })
    .await
}

/// Revoke a key for ever
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "administration", operation_id = "revoke_api_key",
    params(("id" = String, Path, description = "The key's id.")),
    responses((status = 200, description = "The revoked key", body = api::ApiKey)))]
pub(super) async fn revoke_api_key(call: Call) -> Response {
    call.answer_principal(200, async |call, caller| {
        let id = call.segment("id").await?;
        operations::revoke_api_key(call.app(), caller, &id).await
    })
    .await
}

fn tenant_asked(call: &Call) -> Result<Option<Slug>, Failure> {
    let mut problems = Problems::new();
    let name = Fields::of(call.query()?, Form::Query, &mut problems).and_then(|mut fields| {
        let name = fields.get("tenant", decode::text);
        fields.finish();
        name
    });
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let slug =
        name.map(|name| Slug::parse(&name).map_err(|error| Failure::field("tenant", error.to_string())));
    slug.transpose()
}
