//! `/members`: who belongs to a tenant; `/membership`: the caller's own place in one.

use axum::response::Response;
use tenancy::Operation;

use super::call::{Call, TenantIn};
use crate::decode;
use crate::operations;

/// Add a known person to a tenant
///
/// For operators: this is how a tenant gets its first owner. Everybody else comes by invite.
#[utoipa::path(post, path = "/members", tag = "administration", operation_id = "add_member",
    request_body = api::AddMember,
    responses((status = 201, description = "The member", body = api::Member)))]
pub(super) async fn add_member(call: Call) -> Response {
    call.answer_operator(201, async |call, pass| {
        let tenant = call.named_tenant(TenantIn::Body).await;
        let input = decode::add_member(call.json().await?)?;
        operations::add_member(call.app(), pass, &tenant?, input).await
    })
    .await
}

/// List the members of a tenant
#[utoipa::path(get, path = "/members", tag = "administration", operation_id = "list_members",
    params(("tenant" = Option<String>, Query, description = "The tenant's slug; operators name it.")),
    responses((status = 200, description = "Oldest first", body = api::MemberList)))]
pub(super) async fn list_members(call: Call) -> Response {
    call.answer_admin(Operation::ListMembers, TenantIn::Query, 200, async |call, pass, _| {
        decode::of_tenant(call.query()?)?;
        operations::list_members(call.app(), pass).await
    })
    .await
}

/// Give a member another role
///
/// An admin manages everybody but owners. A tenant keeps at least one owner.
#[utoipa::path(patch, path = "/members/{user_id}", tag = "administration", operation_id = "update_member",
    params(("user_id" = String, Path, description = "The member's user id.")),
    request_body = api::UpdateMember,
    responses((status = 200, description = "The member as they are now", body = api::Member)))]
pub(super) async fn update_member(call: Call) -> Response {
    call.answer_admin(Operation::UpdateMember, TenantIn::Body, 200, async |call, pass, caller| {
        let user_id = call.segment("user_id").await?;
        let role = decode::update_member(call.json().await?)?;
        operations::update_member(call.app(), pass, caller, &user_id, role).await
    })
    .await
}

/// Remove a member from a tenant
///
/// An admin removes everybody but owners. A tenant keeps at least one owner.
#[utoipa::path(delete, path = "/members/{user_id}", tag = "administration", operation_id = "remove_member",
    params(
        ("user_id" = String, Path, description = "The member's user id."),
        ("tenant" = Option<String>, Query, description = "The tenant's slug; operators name it."),
    ),
    responses((status = 204, description = "They are no member any more")))]
pub(super) async fn remove_member(call: Call) -> Response {
    call.answer_admin(Operation::RemoveMember, TenantIn::Query, 204, async |call, pass, caller| {
        decode::of_tenant(call.query()?)?;
        let user_id = call.segment("user_id").await?;
        operations::remove_member(call.app(), pass, caller, &user_id).await
    })
    .await
}

/// Leave a tenant
///
/// For a person who is signed in, in any role: their own membership ends at once, and the audit log says so. A tenant keeps at
/// least one owner: the last one makes another member an owner first, or deletes the tenant.
#[utoipa::path(delete, path = "/membership", tag = "administration", operation_id = "leave_tenant",
    params(("tenant" = String, Query, description = "The slug of the tenant to leave.")),
    responses((status = 204, description = "They are no member any more")))]
pub(super) async fn leave_tenant(call: Call) -> Response {
    call.answer_admin(Operation::LeaveTenant, TenantIn::Query, 204, async |call, pass, caller| {
        decode::leave_tenant(call.query()?)?;
        operations::leave_tenant(call.app(), pass, caller).await
    })
    .await
}
