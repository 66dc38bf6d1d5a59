//! Members in PostgreSQL.

use deadpool_postgres::GenericClient;
use tenancy::{Role, TenantId};
use tokio_postgres::Row;

use super::{Member, NewMember, removal, role_change, taken, unknown};
use crate::postgres::{Answer, WriteTransaction, parsed, unless_taken, word};
use crate::{Actor, ControlError, tenants};

pub(super) async fn list(reader: &impl GenericClient, tenant: &TenantId) -> Answer<Vec<Member>> {
    let all = reader
        .prepare_cached("SELECT * FROM members WHERE tenant_id = $1 ORDER BY created_at, user_id")
        .await?;
    reader.query(&all, &[&tenant.as_str()]).await?.iter().map(member).collect()
}

pub(super) async fn of_user(reader: &impl GenericClient, user_id: &str) -> Answer<Vec<Member>> {
    let all = reader
        .prepare_cached(
            "SELECT m.* FROM members m JOIN tenants t ON t.id = m.tenant_id
             WHERE m.user_id = $1 AND t.status <> 'deleted' ORDER BY m.created_at, m.tenant_id",
        )
        .await?;
    reader.query(&all, &[&user_id]).await?.iter().map(member).collect()
}

pub(super) async fn find(
    reader: &impl GenericClient,
    tenant: &TenantId,
    user_id: &str,
) -> Answer<Option<Member>> {
    let one = reader.prepare_cached("SELECT * FROM members WHERE tenant_id = $1 AND user_id = $2").await?;
    reader.query_opt(&one, &[&tenant.as_str(), &user_id]).await?.as_ref().map(member).transpose()
}

/// Adds a member, alone or inside a transaction that does more.
pub(crate) async fn add(deed: &WriteTransaction<'_>, new: NewMember, by: &Actor) -> Answer<Member> {
    tenants::postgres::require(deed, &new.tenant_id).await?;
    let member = new.at(deed.now());
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO members (tenant_id, user_id, email, role, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .await?;
    let (tenant, role) = (member.tenant_id.as_str(), member.role.as_str());
    let inserted = deed
        .tx()
        .execute(&insert, &[&tenant, &member.user_id, &member.email, &role, &member.created_at])
        .await;
    inserted.map_err(|error| unless_taken(error, || taken(&member.user_id)))?;
    let change = Some(member.change());
    deed.note_for(&member.tenant_id, by, "add_member", &member.user_id, &member.details(), change).await?;
    Ok(member)
}

pub(super) async fn set_role(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    user_id: &str,
    role: Role,
    by: &Actor,
) -> Answer<Member> {
    let member = locked(deed, tenant, user_id).await?;
    if member.role == role {
        return Ok(member);
    }
    require_another_owner(deed, &member).await?;
    let update = deed
        .tx()
        .prepare_cached("UPDATE members SET role = $3 WHERE tenant_id = $1 AND user_id = $2")
        .await?;
    deed.tx().execute(&update, &[&tenant.as_str(), &user_id, &role.as_str()]).await?;
    let details = role_change(member.role, role);
    deed.note_for(tenant, by, "set_member_role", user_id, &details, Some(member.change())).await?;
    Ok(Member { role, ..member })
}

pub(super) async fn remove(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    user_id: &str,
    by: &Actor,
) -> Answer<Member> {
    let member = locked(deed, tenant, user_id).await?;
    require_another_owner(deed, &member).await?;
    let delete =
        deed.tx().prepare_cached("DELETE FROM members WHERE tenant_id = $1 AND user_id = $2").await?;
    deed.tx().execute(&delete, &[&tenant.as_str(), &user_id]).await?;
    deed.note_for(tenant, by, "remove_member", user_id, &removal(&member), Some(member.change())).await?;
    Ok(member)
}

async fn require_another_owner(deed: &WriteTransaction<'_>, member: &Member) -> Answer<()> {
    if member.role != Role::Owner {
        return Ok(());
    }
    let others = deed
        .tx()
        .prepare_cached("SELECT 1 FROM members WHERE tenant_id = $1 AND role = 'owner' AND user_id <> $2")
        .await?;
    let others = deed.tx().query(&others, &[&member.tenant_id.as_str(), &member.user_id]).await?;
    if others.is_empty() { Err(ControlError::LastOwner.into()) } else { Ok(()) }
}

/// The member, with the whole tenant's members locked: of two owners who leave at once, one stays.
async fn locked(deed: &WriteTransaction<'_>, tenant: &TenantId, user_id: &str) -> Answer<Member> {
    let lock = deed
        .tx()
        .prepare_cached("SELECT user_id FROM members WHERE tenant_id = $1 ORDER BY user_id FOR UPDATE")
        .await?;
    deed.tx().query(&lock, &[&tenant.as_str()]).await?;
    find(deed.tx(), tenant, user_id).await?.ok_or_else(|| unknown(user_id).into())
}

fn member(row: &Row) -> Answer<Member> {
    Ok(Member {
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        user_id: row.try_get("user_id")?,
        email: row.try_get("email")?,
        role: word(row, "role", Role::parse)?,
        created_at: row.try_get("created_at")?,
    })
}
