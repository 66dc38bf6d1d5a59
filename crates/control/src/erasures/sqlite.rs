//! Erasures in SQLite.

use rusqlite::{Connection, Row, params};
use tenancy::TenantId;

use super::{Erasure, details};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{parsed, timestamp, timestamp_or_null};
use crate::{Actor, ControlError};

pub(super) fn request(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    memories: &[(i64, String)],
    by: &Actor,
) -> Result<(), ControlError> {
    let now_ms = deed.now().as_millisecond();
    let mut insert = deed.tx().prepare_cached(
        "INSERT INTO erasures (tenant_id, memory_id, content_hash, requested_at, requested_by)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?;
    for (id, hash) in memories {
        insert.execute(params![tenant.as_str(), id, hash, now_ms, by.name()])?;
    }
    deed.note_for(tenant, by, "erase_memories", tenant.as_str(), &details(memories), None)
}

pub(super) fn finish(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    memories: &[i64],
) -> Result<(), ControlError> {
    let mut update = deed.tx().prepare_cached(
        "UPDATE erasures SET done_at = ?3 WHERE tenant_id = ?1 AND memory_id = ?2 AND done_at IS NULL",
    )?;
    for id in memories {
        update.execute(params![tenant.as_str(), id, deed.now().as_millisecond()])?;
    }
    Ok(())
}

pub(super) fn of_tenant(reader: &Connection, tenant: &TenantId) -> Result<Vec<Erasure>, ControlError> {
    let mut some = reader.prepare_cached("SELECT * FROM erasures WHERE tenant_id = ?1 ORDER BY memory_id")?;
    let rows = some.query_map([tenant.as_str()], erasure)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn unfinished(reader: &Connection) -> Result<Vec<Erasure>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM erasures WHERE done_at IS NULL ORDER BY requested_at, tenant_id, memory_id",
    )?;
    let rows = some.query_map([], erasure)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn erasure(row: &Row<'_>) -> rusqlite::Result<Erasure> {
    Ok(Erasure {
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        memory_id: row.get("memory_id")?,
        content_hash: row.get("content_hash")?,
        requested_at: timestamp(row, "requested_at")?,
        requested_by: row.get("requested_by")?,
        done_at: timestamp_or_null(row, "done_at")?,
    })
}
