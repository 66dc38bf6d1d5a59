//! Invites: how a person comes into a tenant. The token exists only in the answer that makes it.

use api::ErrorCode;
use control::{Invite, NewInvite, Spent};
use gateway::Pass;
use jiff::Timestamp;
use tenancy::Slug;

use super::authority::{Caller, require_may_manage};
use super::members::member_to_wire;
use super::unknown_tenant;
use crate::app::App;
use crate::decode::InviteInput;
use crate::operations::Failure;

/// Makes an invite, and the token that accepts it.
///
/// # Errors
/// 403 when the caller may not manage the role; [`Failure::Control`].
pub async fn create_invite(
    app: &App,
    pass: &Pass,
    by: &Caller,
    input: InviteInput,
) -> Result<api::CreatedInvite, Failure> {
    require_may_manage(pass.principal(), input.role)?;
    let now = app.clock.now();
    let expires_at = now.saturating_add(input.lifetime).unwrap_or(now);
    let token = gateway::InviteToken::generate();
    let new = NewInvite {
        tenant_id: pass.tenant().clone(),
        email: input.email,
        role: input.role,
        token_hash: token.hash(),
        expires_at,
    };
    let invite = app.control.create_invite(new, &by.actor()).await?;
    Ok(api::CreatedInvite {
        token: token.reveal().to_owned(),
        invite: invite_to_wire(invite, pass.slug(), now),
    })
}

/// The invites of the caller's tenant, whatever became of them.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_invites(app: &App, pass: &Pass) -> Result<api::InviteList, Failure> {
    let now = app.clock.now();
    let invites = app.control.list_invites(pass.tenant()).await?.into_iter();
    Ok(api::InviteList { items: invites.map(|invite| invite_to_wire(invite, pass.slug(), now)).collect() })
}

/// Refuses an invite from now on.
///
/// # Errors
/// 404 when the tenant has none of that id, 409 when it is accepted; [`Failure::Control`].
pub async fn revoke_invite(app: &App, pass: &Pass, by: &Caller, id: &str) -> Result<api::Invite, Failure> {
    let invite = app.control.revoke_invite(pass.tenant(), id, &by.actor()).await?;
    Ok(invite_to_wire(invite, pass.slug(), app.clock.now()))
}

/// Makes the person who asks a member, once.
///
/// # Errors
/// 403 for who is no person or not the one who was invited, 404 for an unknown token, 409 for a spent one;
/// [`Failure::Control`].
pub async fn accept_invite(app: &App, by: &Caller, token: &str) -> Result<api::Member, Failure> {
    let Some(person) = by.person() else {
        let message = "an invite is accepted by a person who has signed in; send their token (a JWT)";
        return Err(Failure::Coded(ErrorCode::Forbidden, message.to_owned()));
    };
    let unknown = || Failure::Coded(ErrorCode::NotFound, "there is no such invite".to_owned());
    let hash = gateway::InviteToken::parse(token).ok_or_else(unknown)?.hash();
    let email = person.email.as_deref();
    let invite = app.control.invite_by_token(&hash).await?.ok_or_else(unknown)?;
    require_invited(&invite, email)?;
    let member = app.control.accept_invite(&hash, &person.user_id, email, &by.actor()).await?;
    let tenant = app.control.tenant_by_id(&member.tenant_id).await?.ok_or_else(unknown_tenant)?;
    Ok(member_to_wire(member, &tenant.slug))
}

/// An invite for one address is for whoever proved to have it; neither address is told.
fn require_invited(invite: &Invite, proven: Option<&str>) -> Result<(), Failure> {
    let invited = match (&invite.email, proven) {
        (None, _) => true,
        (Some(invited), Some(proven)) => invited.eq_ignore_ascii_case(proven),
        (Some(_), None) => false,
    };
    if invited {
        return Ok(());
    }
    let message = "this invite is for another address; sign in with the one it was sent to, and prove it";
    Err(Failure::Coded(ErrorCode::Forbidden, message.to_owned()))
}

fn invite_to_wire(invite: Invite, tenant: &Slug, now: Timestamp) -> api::Invite {
    let status = invite.spent(now).map_or("open", Spent::as_str);
    api::Invite {
        id: invite.id,
        tenant: tenant.to_string(),
        email: invite.email,
        role: invite.role.as_str().to_owned(),
        status: status.to_owned(),
        created_at: invite.created_at,
        expires_at: invite.expires_at,
        accepted_at: invite.accepted_at,
        accepted_by: invite.accepted_by,
        revoked_at: invite.revoked_at,
    }
}
