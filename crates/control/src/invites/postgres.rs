//! Invites in PostgreSQL.

use deadpool_postgres::GenericClient;
use serde_json::json;
use tenancy::{Role, TenantId};
use tokio_postgres::Row;

use super::{Guest, Invite, NewInvite, OF_TOKEN, Spent, acceptance, creation, unknown};
use crate::members::{self, Member};
use crate::postgres::{Answer, WriteTransaction, parsed, word};
use crate::{Actor, ControlError, tenants};

pub(super) async fn create(deed: &WriteTransaction<'_>, new: NewInvite, by: &Actor) -> Answer<Invite> {
    tenants::postgres::require(deed, &new.tenant_id).await?;
    let token_hash = new.token_hash;
    let invite = new.at(deed.now())?;
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO invites (id, tenant_id, email, role, token_hash, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .await?;
    let (tenant, role) = (invite.tenant_id.as_str(), invite.role.as_str());
    deed.tx()
        .execute(
            &insert,
            &[
                &invite.id,
                &tenant,
                &invite.email,
                &role,
                &token_hash.as_slice(),
                &invite.created_at,
                &invite.expires_at,
            ],
        )
        .await?;
    deed.note_for(&invite.tenant_id, by, "create_invite", &invite.id, &creation(&invite), None).await?;
    Ok(invite)
}

pub(super) async fn list(reader: &impl GenericClient, tenant: &TenantId) -> Answer<Vec<Invite>> {
    let all = reader
        .prepare_cached("SELECT * FROM invites WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC")
        .await?;
    reader.query(&all, &[&tenant.as_str()]).await?.iter().map(invite).collect()
}

pub(super) async fn revoke(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    id: &str,
    by: &Actor,
) -> Answer<Invite> {
    let one =
        deed.tx().prepare_cached("SELECT * FROM invites WHERE id = $1 AND tenant_id = $2 FOR UPDATE").await?;
    let found = deed.tx().query_opt(&one, &[&id, &tenant.as_str()]).await?;
    let invite = invite(&found.ok_or_else(|| unknown(id))?)?;
    match invite.spent(deed.now()) {
        Some(Spent::Revoked) => return Ok(invite),
        Some(Spent::Accepted) => return Err(ControlError::InviteSpent { why: Spent::Accepted }.into()),
        Some(Spent::Expired) | None => {}
    }
    let update = deed.tx().prepare_cached("UPDATE invites SET revoked_at = $2 WHERE id = $1").await?;
    deed.tx().execute(&update, &[&invite.id, &deed.now()]).await?;
    deed.note_for(tenant, by, "revoke_invite", &invite.id, &json!({}), None).await?;
    Ok(Invite { revoked_at: Some(deed.now()), ..invite })
}

pub(super) async fn by_token(reader: &impl GenericClient, token_hash: &[u8; 32]) -> Answer<Option<Invite>> {
    let one = reader.prepare_cached("SELECT * FROM invites WHERE token_hash = $1").await?;
    reader.query_opt(&one, &[&token_hash.as_slice()]).await?.as_ref().map(invite).transpose()
}

pub(super) async fn accept(
    deed: &WriteTransaction<'_>,
    token_hash: &[u8; 32],
    guest: Guest,
    by: &Actor,
) -> Answer<Member> {
    let unlocked = by_token(deed.tx(), token_hash).await?.ok_or_else(|| unknown(OF_TOKEN))?;
    tenants::postgres::hold(deed, &unlocked.tenant_id).await?;
    // Locked: of two who show the token at once, the second finds it accepted.
    let lock = deed.tx().prepare_cached("SELECT * FROM invites WHERE token_hash = $1 FOR UPDATE").await?;
    let found = deed.tx().query_opt(&lock, &[&token_hash.as_slice()]).await?;
    let invite = invite(&found.ok_or_else(|| unknown(OF_TOKEN))?)?;
    if let Some(why) = invite.spent(deed.now()) {
        return Err(ControlError::InviteSpent { why }.into());
    }
    let update = deed
        .tx()
        .prepare_cached("UPDATE invites SET accepted_at = $2, accepted_by = $3 WHERE id = $1")
        .await?;
    deed.tx().execute(&update, &[&invite.id, &deed.now(), &guest.user_id]).await?;
    let details = acceptance(&invite, &guest);
    deed.note_for(&invite.tenant_id, by, "accept_invite", &invite.id, &details, None).await?;
    members::postgres::add(deed, guest.joining(&invite)?, by).await
}

fn invite(row: &Row) -> Answer<Invite> {
    Ok(Invite {
        id: row.try_get("id")?,
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        email: row.try_get("email")?,
        role: word(row, "role", Role::parse)?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        accepted_at: row.try_get("accepted_at")?,
        accepted_by: row.try_get("accepted_by")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
