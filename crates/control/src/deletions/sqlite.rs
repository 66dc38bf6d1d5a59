//! Deletions in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use tenancy::{Slug, TenantId, TenantStatus};

use super::{Advance, Deletion, STOP_TRAFFIC, Stopped, unknown};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{parsed, timestamp, timestamp_or_null};
use crate::{Actor, Change, ControlError, tenants};

pub(super) fn delete_tenant(
    deed: &WriteTransaction<'_>,
    slug: &Slug,
    by: &Actor,
) -> Result<Deletion, ControlError> {
    let tenant = tenants::sqlite::by_slug(deed.tx(), slug)?;
    let (id, now_ms) = (tenant.id.as_str(), deed.now().as_millisecond());
    deed.tx()
        .prepare_cached("UPDATE tenants SET status = ?2 WHERE id = ?1")?
        .execute([id, TenantStatus::Deleted.as_str()])?;
    let stopped = Stopped {
        keys: deed
            .tx()
            .prepare_cached(
                "UPDATE api_keys SET revoked_at = ?2 WHERE tenant_id = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![id, now_ms])? as u64,
        invites: deed
            .tx()
            .prepare_cached(
                "UPDATE invites SET revoked_at = ?2
                 WHERE tenant_id = ?1 AND revoked_at IS NULL AND accepted_at IS NULL",
            )?
            .execute(params![id, now_ms])? as u64,
        members: deed.tx().prepare_cached("DELETE FROM members WHERE tenant_id = ?1")?.execute([id])? as u64,
    };
    let deletion = Deletion::of(&tenant, deed.now(), by, stopped);
    deed.tx()
        .prepare_cached(
            "INSERT INTO tenant_deletions (tenant_id, slug, requested_at, requested_by, steps)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id, slug.as_str(), now_ms, deletion.requested_by, steps(&deletion)])?;
    let change = Change::Tenant { id: tenant.id.clone(), slug: slug.clone() };
    let details = &deletion.steps[STOP_TRAFFIC];
    deed.note_for(&tenant.id, by, "delete_tenant", id, details, Some(change))?;
    Ok(deletion)
}

pub(super) fn unfinished(reader: &Connection) -> Result<Vec<Deletion>, ControlError> {
    let mut all = reader.prepare_cached(
        "SELECT * FROM tenant_deletions WHERE finished_at IS NULL ORDER BY requested_at, tenant_id",
    )?;
    let deletions = all.query_map([], deletion)?.collect::<rusqlite::Result<_>>()?;
    Ok(deletions)
}

pub(super) fn find(connection: &Connection, tenant: &TenantId) -> Result<Option<Deletion>, ControlError> {
    Ok(connection
        .prepare_cached("SELECT * FROM tenant_deletions WHERE tenant_id = ?1")?
        .query_row([tenant.as_str()], deletion)
        .optional()?)
}

pub(super) fn newest_of_slug(reader: &Connection, slug: &Slug) -> Result<Option<Deletion>, ControlError> {
    Ok(reader
        .prepare_cached("SELECT * FROM tenant_deletions WHERE slug = ?1 ORDER BY requested_at DESC LIMIT 1")?
        .query_row([slug.as_str()], deletion)
        .optional()?)
}

pub(super) fn advance(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    advance: Advance,
) -> Result<Deletion, ControlError> {
    let mut deletion = find(deed.tx(), tenant)?.ok_or_else(|| unknown(tenant))?;
    deletion.advance(advance);
    update(deed.tx(), &deletion)?;
    Ok(deletion)
}

pub(super) fn finish(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    by: &Actor,
) -> Result<Deletion, ControlError> {
    let mut deletion = find(deed.tx(), tenant)?.ok_or_else(|| unknown(tenant))?;
    if deletion.finished_at.is_some() {
        return Ok(deletion);
    }
    deletion.finished_at = Some(deed.now());
    update(deed.tx(), &deletion)?;
    let receipt = deletion.receipt();
    deed.note_for(tenant, by, "finish_tenant_deletion", tenant.as_str(), &receipt, None)?;
    Ok(deletion)
}

fn update(tx: &Connection, deletion: &Deletion) -> Result<(), ControlError> {
    tx.prepare_cached(
        "UPDATE tenant_deletions SET steps = ?2, attempts = ?3, last_error = ?4, finished_at = ?5
         WHERE tenant_id = ?1",
    )?
    .execute(params![
        deletion.tenant_id.as_str(),
        steps(deletion),
        deletion.attempts,
        deletion.last_error,
        deletion.finished_at.map(Timestamp::as_millisecond),
    ])?;
    Ok(())
}

fn steps(deletion: &Deletion) -> String {
    Value::Object(deletion.steps.clone()).to_string()
}

fn deletion(row: &Row<'_>) -> rusqlite::Result<Deletion> {
    Ok(Deletion {
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        slug: parsed(row, "slug", |text: String| Slug::parse(&text))?,
        requested_at: timestamp(row, "requested_at")?,
        requested_by: row.get("requested_by")?,
        steps: parsed(row, "steps", |text: String| serde_json::from_str(&text))?,
        attempts: row.get("attempts")?,
        last_error: row.get("last_error")?,
        finished_at: timestamp_or_null(row, "finished_at")?,
    })
}
