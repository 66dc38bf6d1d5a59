//! Members in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tenancy::{Role, TenantId};

use super::{Member, NewMember, removal, role_change, taken, unknown};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{is_taken, parsed, timestamp, word};
use crate::{Actor, ControlError, tenants};

pub(super) fn list(reader: &Connection, tenant: &TenantId) -> Result<Vec<Member>, ControlError> {
    let mut all =
        reader.prepare_cached("SELECT * FROM members WHERE tenant_id = ?1 ORDER BY created_at, user_id")?;
    let members = all.query_map([tenant.as_str()], member)?.collect::<rusqlite::Result<_>>()?;
    Ok(members)
}

pub(super) fn of_user(reader: &Connection, user_id: &str) -> Result<Vec<Member>, ControlError> {
    let mut all = reader.prepare_cached(
        "SELECT m.* FROM members m JOIN tenants t ON t.id = m.tenant_id
         WHERE m.user_id = ?1 AND t.status <> 'deleted' ORDER BY m.created_at, m.tenant_id",
    )?;
    let members = all.query_map([user_id], member)?.collect::<rusqlite::Result<_>>()?;
    Ok(members)
}

pub(super) fn find(
    connection: &Connection,
    tenant: &TenantId,
    user_id: &str,
) -> Result<Option<Member>, ControlError> {
    Ok(connection
        .prepare_cached("SELECT * FROM members WHERE tenant_id = ?1 AND user_id = ?2")?
        .query_row([tenant.as_str(), user_id], member)
        .optional()?)
}

/// Adds a member, alone or inside a transaction that does more.
pub(crate) fn add(deed: &WriteTransaction<'_>, new: NewMember, by: &Actor) -> Result<Member, ControlError> {
    tenants::sqlite::require(deed, &new.tenant_id)?;
    let member = new.at(deed.now());
    deed.tx()
        .prepare_cached(
            "INSERT INTO members (tenant_id, user_id, email, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            member.tenant_id.as_str(),
            member.user_id,
            member.email,
            member.role.as_str(),
            member.created_at.as_millisecond(),
        ])
        .map_err(|error| if is_taken(&error) { taken(&member.user_id) } else { error.into() })?;
    let change = Some(member.change());
    deed.note_for(&member.tenant_id, by, "add_member", &member.user_id, &member.details(), change)?;
    Ok(member)
}

pub(super) fn set_role(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    user_id: &str,
    role: Role,
    by: &Actor,
) -> Result<Member, ControlError> {
    let member = required(deed.tx(), tenant, user_id)?;
    if member.role == role {
        return Ok(member);
    }
    require_another_owner(deed, &member)?;
    deed.tx()
        .prepare_cached("UPDATE members SET role = ?3 WHERE tenant_id = ?1 AND user_id = ?2")?
        .execute([tenant.as_str(), user_id, role.as_str()])?;
    let details = role_change(member.role, role);
    deed.note_for(tenant, by, "set_member_role", user_id, &details, Some(member.change()))?;
    Ok(Member { role, ..member })
}

pub(super) fn remove(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    user_id: &str,
    by: &Actor,
) -> Result<Member, ControlError> {
    let member = required(deed.tx(), tenant, user_id)?;
    require_another_owner(deed, &member)?;
    deed.tx()
        .prepare_cached("DELETE FROM members WHERE tenant_id = ?1 AND user_id = ?2")?
        .execute([tenant.as_str(), user_id])?;
    deed.note_for(tenant, by, "remove_member", user_id, &removal(&member), Some(member.change()))?;
    Ok(member)
}

fn require_another_owner(deed: &WriteTransaction<'_>, member: &Member) -> Result<(), ControlError> {
    if member.role != Role::Owner {
        return Ok(());
    }
    let others: bool = deed
        .tx()
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM members WHERE tenant_id = ?1 AND role = 'owner' AND user_id <> ?2)",
        )?
        .query_row([member.tenant_id.as_str(), &member.user_id], |row| row.get(0))?;
    if others { Ok(()) } else { Err(ControlError::LastOwner) }
}

fn required(connection: &Connection, tenant: &TenantId, user_id: &str) -> Result<Member, ControlError> {
    find(connection, tenant, user_id)?.ok_or_else(|| unknown(user_id))
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        user_id: row.get("user_id")?,
        email: row.get("email")?,
        role: word(row, "role", Role::parse)?,
        created_at: timestamp(row, "created_at")?,
    })
}
