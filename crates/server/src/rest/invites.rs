//! `/invites`: how people come into a tenant.

use axum::response::Response;
use tenancy::Operation;

use super::call::{Call, TenantIn};
use crate::decode;
use crate::operations;

/// Invite a person
///
/// The token is in this answer and nowhere else; hand it to them. An admin invites everybody but owners.
#[utoipa::path(post, path = "/invites", tag = "administration", operation_id = "create_invite",
    request_body = api::CreateInvite,
    responses((status = 201, description = "The invite, its token shown this once", body = api::CreatedInvite)))]
pub(super) async fn create_invite(call: Call) -> Response {
    call.answer_admin(Operation::CreateInvite, TenantIn::Body, 201, async |call, pass, caller| {
        let input = decode::create_invite(call.json().await?)?;
        operations::create_invite(call.app(), pass, caller, input).await
    })
    .await
}

/// List the invites of a tenant
#[utoipa::path(get, path = "/invites", tag = "administration", operation_id = "list_invites",
    params(("tenant" = Option<String>, Query, description = "The tenant's slug; operators name it.")),
    responses((status = 200, description = "Newest first, whatever became of them", body = api::InviteList)))]
pub(super) async fn list_invites(call: Call) -> Response {
    call.answer_admin(Operation::ListInvites, TenantIn::Query, 200, async |call, pass, _| {
        decode::of_tenant(call.query()?)?;
        operations::list_invites(call.app(), pass).await
    })
    .await
}

/// Revoke an invite
#[utoipa::path(delete, path = "/invites/{id}", tag = "administration", operation_id = "revoke_invite",
    params(
        ("id" = String, Path, description = "The invite's id."),
        ("tenant" = Option<String>, Query, description = "The tenant's slug; operators name it."),
    ),
    responses((status = 200, description = "The revoked invite", body = api::Invite)))]
pub(super) async fn revoke_invite(call: Call) -> Response {
    call.answer_admin(Operation::RevokeInvite, TenantIn::Query, 200, async |call, pass, caller| {
        decode::of_tenant(call.query()?)?;
        let id = call.segment("id").await?;
        operations::revoke_invite(call.app(), pass, caller, &id).await
    })
    .await
}

/// Accept an invite
///
/// For a person who is signed in, once. Where the invite names an address, it must be one they have proven.
#[utoipa::path(post, path = "/invites/accept", tag = "administration", operation_id = "accept_invite",
    request_body = api::AcceptInvite,
    responses((status = 200, description = "The membership", body = api::Member)))]
pub(super) async fn accept_invite(call: Call) -> Response {
    call.answer_caller(200, async |call, caller| {
        let token = decode::accept_invite(call.json().await?)?;
        operations::accept_invite(call.app(), caller, &token).await
    })
    .await
}
