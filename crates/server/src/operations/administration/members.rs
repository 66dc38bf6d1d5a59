//! Members: who belongs to a tenant, and as what.

use api::ErrorCode;
use control::{Member, NewMember};
use gateway::{OperatorPass, Pass};
use tenancy::{Role, Slug};

use super::authority::{Caller, require_may_manage};
use super::tenant_named;
use crate::app::App;
use crate::decode::MemberInput;
use crate::operations::Failure;

/// The members of the caller's tenant, oldest first.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_members(app: &App, pass: &Pass) -> Result<api::MemberList, Failure> {
    let members = app.control.list_members(pass.tenant()).await?.into_iter();
    Ok(api::MemberList { items: members.map(|member| member_to_wire(member, pass.slug())).collect() })
}

/// Makes a known person a member without asking them; how a tenant gets its first owner.
///
/// # Errors
/// [`Failure::Control`] when they are one already.
pub async fn add_member(
    app: &App,
    by: &OperatorPass,
    tenant: &Slug,
    input: MemberInput,
) -> Result<api::Member, Failure> {
    let tenant = tenant_named(app, tenant).await?;
    let new =
        NewMember { tenant_id: tenant.id, user_id: input.user_id, email: input.email, role: input.role };
    let member = app.control.add_member(new, &by.actor()).await?;
    Ok(member_to_wire(member, &tenant.slug))
}

/// Gives a member another role.
///
/// # Errors
/// 403 when the caller may not manage both roles, 404 for no member, 409 for the last owner;
/// [`Failure::Control`].
pub async fn update_member(
    app: &App,
    pass: &Pass,
    by: &Caller,
    user_id: &str,
    role: Role,
) -> Result<api::Member, Failure> {
    let member = member_of(app, pass, user_id).await?;
    require_may_manage(pass.principal(), member.role)?;
    require_may_manage(pass.principal(), role)?;
    let member = app.control.set_member_role(pass.tenant(), user_id, role, &by.actor()).await?;
    Ok(member_to_wire(member, pass.slug()))
}

/// Ends a membership at once.
///
/// # Errors
/// 403 when the caller may not manage that role, 404 for no member, 409 for the last owner;
/// [`Failure::Control`].
pub async fn remove_member(app: &App, pass: &Pass, by: &Caller, user_id: &str) -> Result<(), Failure> {
    let member = member_of(app, pass, user_id).await?;
    require_may_manage(pass.principal(), member.role)?;
    app.control.remove_member(pass.tenant(), user_id, &by.actor()).await?;
    Ok(())
}

/// Ends the caller's own membership at once.
///
/// # Errors
/// 403 for who is no person, 409 for the last owner; [`Failure::Control`].
pub async fn leave_tenant(app: &App, pass: &Pass, by: &Caller) -> Result<(), Failure> {
    let Some(person) = by.person() else {
        let message = "a membership is ended by the person whose it is; send their token (a JWT)";
        return Err(Failure::Coded(ErrorCode::Forbidden, message.to_owned()));
    };
    app.control.remove_member(pass.tenant(), &person.user_id, &by.actor()).await?;
    Ok(())
}

pub(super) fn member_to_wire(member: Member, tenant: &Slug) -> api::Member {
    api::Member {
        tenant: tenant.to_string(),
        user_id: member.user_id,
        email: member.email,
        role: member.role.as_str().to_owned(),
        created_at: member.created_at,
    }
}

async fn member_of(app: &App, pass: &Pass, user_id: &str) -> Result<Member, Failure> {
    let member = app.control.membership(pass.tenant(), user_id).await?;
    member.ok_or_else(|| Failure::Coded(ErrorCode::NotFound, format!("the tenant has no member {user_id:?}")))
}
