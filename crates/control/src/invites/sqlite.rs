//! Invites in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tenancy::{Role, TenantId};

use super::{Guest, Invite, NewInvite, OF_TOKEN, Spent, acceptance, creation, unknown};
use crate::members::{self, Member};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{parsed, timestamp, timestamp_or_null, word};
use crate::{Actor, ControlError, tenants};

pub(super) fn create(
    deed: &WriteTransaction<'_>,
    new: NewInvite,
    by: &Actor,
) -> Result<Invite, ControlError> {
    tenants::sqlite::require(deed, &new.tenant_id)?;
    let token_hash = new.token_hash;
    let invite = new.at(deed.now())?;
    deed.tx()
        .prepare_cached(
            "INSERT INTO invites (id, tenant_id, email, role, token_hash, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            invite.id,
            invite.tenant_id.as_str(),
            invite.email,
            invite.role.as_str(),
            token_hash,
            invite.created_at.as_millisecond(),
            invite.expires_at.as_millisecond(),
        ])?;
    deed.note_for(&invite.tenant_id, by, "create_invite", &invite.id, &creation(&invite), None)?;
    Ok(invite)
}

pub(super) fn list(reader: &Connection, tenant: &TenantId) -> Result<Vec<Invite>, ControlError> {
    let mut all = reader
        .prepare_cached("SELECT * FROM invites WHERE tenant_id = ?1 ORDER BY created_at DESC, id DESC")?;
    let invites = all.query_map([tenant.as_str()], invite)?.collect::<rusqlite::Result<_>>()?;
    Ok(invites)
}

pub(super) fn revoke(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    id: &str,
    by: &Actor,
) -> Result<Invite, ControlError> {
    let found = deed
        .tx()
        .prepare_cached("SELECT * FROM invites WHERE id = ?1 AND tenant_id = ?2")?
        .query_row([id, tenant.as_str()], invite)
        .optional()?;
    let invite = found.ok_or_else(|| unknown(id))?;
    match invite.spent(deed.now()) {
        Some(Spent::Revoked) => return Ok(invite),
        Some(Spent::Accepted) => return Err(ControlError::InviteSpent { why: Spent::Accepted }),
        Some(Spent::Expired) | None => {}
    }
    deed.tx()
        .prepare_cached("UPDATE invites SET revoked_at = ?2 WHERE id = ?1")?
        .execute(params![invite.id, deed.now().as_millisecond()])?;
    deed.note_for(tenant, by, "revoke_invite", &invite.id, &json!({}), None)?;
    Ok(Invite { revoked_at: Some(deed.now()), ..invite })
}

pub(super) fn by_token(
    connection: &Connection,
    token_hash: &[u8; 32],
) -> Result<Option<Invite>, ControlError> {
    Ok(connection
        .prepare_cached("SELECT * FROM invites WHERE token_hash = ?1")?
        .query_row([token_hash], invite)
        .optional()?)
}

pub(super) fn accept(
    deed: &WriteTransaction<'_>,
    token_hash: &[u8; 32],
    guest: Guest,
    by: &Actor,
) -> Result<Member, ControlError> {
    let invite = by_token(deed.tx(), token_hash)?.ok_or_else(|| unknown(OF_TOKEN))?;
    if let Some(why) = invite.spent(deed.now()) {
        return Err(ControlError::InviteSpent { why });
    }
    deed.tx()
        .prepare_cached("UPDATE invites SET accepted_at = ?2, accepted_by = ?3 WHERE id = ?1")?
        .execute(params![invite.id, deed.now().as_millisecond(), guest.user_id])?;
    let details = acceptance(&invite, &guest);
    deed.note_for(&invite.tenant_id, by, "accept_invite", &invite.id, &details, None)?;
    members::sqlite::add(deed, guest.joining(&invite)?, by)
}

fn invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        id: row.get("id")?,
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        email: row.get("email")?,
        role: word(row, "role", Role::parse)?,
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        accepted_at: timestamp_or_null(row, "accepted_at")?,
        accepted_by: row.get("accepted_by")?,
        revoked_at: timestamp_or_null(row, "revoked_at")?,
    })
}
