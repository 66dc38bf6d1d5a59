//! Backups in SQLite.

use rusqlite::{Connection, Row, params};
use tenancy::TenantId;

use super::{Backup, LISTED_MAX, newest_where};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{parsed, signed, timestamp, timestamp_or_null, unsigned};
use crate::{Actor, ControlError};

pub(super) fn record(deed: &WriteTransaction<'_>, backup: &Backup, by: &Actor) -> Result<(), ControlError> {
    let inserted = deed
        .tx()
        .prepare_cached(
            "INSERT INTO backups (id, tenant_id, created_at, reason, schema_version, object_key, size_bytes, sha256,
                 plain_bytes, memories, ids_handed_out, source_stamp, verified_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            backup.id,
            backup.tenant_id.as_str(),
            backup.created_at.as_millisecond(),
            backup.reason,
            backup.schema_version,
            backup.object_key,
            signed(backup.size_bytes),
            backup.sha256,
            signed(backup.plain_bytes),
            signed(backup.memories),
            backup.ids_handed_out,
            backup.source_stamp,
            backup.verified_at.map(|at| at.as_millisecond()),
        ])?;
    if inserted == 0 {
        return Ok(());
    }
    deed.note_for(&backup.tenant_id, by, "create_backup", &backup.id, &backup.details(), None)
}

pub(super) fn of_tenant(reader: &Connection, tenant: &TenantId) -> Result<Vec<Backup>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM backups WHERE tenant_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2",
    )?;
    let rows = some.query_map(params![tenant.as_str(), LISTED_MAX], backup)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn newest(reader: &Connection) -> Result<Vec<Backup>, ControlError> {
    let mut some = reader.prepare_cached(&newest_where("true"))?;
    let rows = some.query_map([], backup)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn newest_of(reader: &Connection, tenants: &[TenantId]) -> Result<Vec<Backup>, ControlError> {
    let named: Vec<_> = tenants.iter().map(TenantId::as_str).collect();
    let named_here = newest_where("tenant_id IN (SELECT value FROM json_each(?1))");
    let mut some = reader.prepare_cached(&named_here)?;
    let rows = some.query_map([serde_json::Value::from(named).to_string()], backup)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn forget(deed: &WriteTransaction<'_>, backup: &Backup, by: &Actor) -> Result<(), ControlError> {
    let removed = deed.tx().prepare_cached("DELETE FROM backups WHERE id = ?1")?.execute([&backup.id])?;
    if removed == 0 {
        return Ok(());
    }
    deed.note_for(&backup.tenant_id, by, "remove_backup", &backup.id, &backup.details(), None)
}

fn backup(row: &Row<'_>) -> rusqlite::Result<Backup> {
    Ok(Backup {
        id: row.get("id")?,
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        created_at: timestamp(row, "created_at")?,
        reason: row.get("reason")?,
        schema_version: row.get("schema_version")?,
        object_key: row.get("object_key")?,
        size_bytes: unsigned(row, "size_bytes")?,
        sha256: row.get("sha256")?,
        plain_bytes: unsigned(row, "plain_bytes")?,
        memories: unsigned(row, "memories")?,
        ids_handed_out: row.get("ids_handed_out")?,
        source_stamp: row.get("source_stamp")?,
        verified_at: timestamp_or_null(row, "verified_at")?,
    })
}
