//! Restores in SQLite.

use rusqlite::{Connection, Row, params};
use serde_json::Value;
use tenancy::TenantId;

use super::{LISTED_MAX, NewRestore, Restore, details, state_of};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{parsed, timestamp, timestamp_or_null};
use crate::{Actor, ControlError};

pub(super) fn begin(deed: &WriteTransaction<'_>, new: &NewRestore, by: &Actor) -> Result<(), ControlError> {
    deed.tx()
        .prepare_cached(
            "INSERT INTO restores (id, tenant_id, source_tenant_id, backup_id, requested_at, requested_by, node, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'running') ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            new.id,
            new.tenant_id.as_str(),
            new.source_tenant_id.as_str(),
            new.backup_id,
            deed.now().as_millisecond(),
            by.name(),
            new.node,
        ])?;
    let asked = serde_json::json!({"restore": new.id, "backup": new.backup_id});
    deed.note_for(&new.tenant_id, by, "begin_restore", new.tenant_id.as_str(), &asked, None)
}

pub(super) fn finish(
    deed: &WriteTransaction<'_>,
    restore: &NewRestore,
    outcome: &Result<Value, String>,
    by: &Actor,
) -> Result<(), ControlError> {
    let result = outcome.as_ref().ok().map(Value::to_string);
    let changed = deed
        .tx()
        .prepare_cached(
            "UPDATE restores SET state = ?2, error = ?3, result = ?4, finished_at = ?5
             WHERE id = ?1 AND state = 'running'",
        )?
        .execute(params![
            restore.id,
            state_of(outcome),
            outcome.as_ref().err(),
            result,
            deed.now().as_millisecond(),
        ])?;
    if changed == 0 {
        return Ok(());
    }
    let tenant = &restore.tenant_id;
    deed.note_for(tenant, by, "finish_restore", tenant.as_str(), &details(restore, outcome), None)
}

pub(super) fn of_tenant(reader: &Connection, tenant: &TenantId) -> Result<Vec<Restore>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM restores WHERE tenant_id = ?1 ORDER BY requested_at DESC, id DESC LIMIT ?2",
    )?;
    let rows = some.query_map(params![tenant.as_str(), LISTED_MAX], restore)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn unfinished(reader: &Connection, node: &str) -> Result<Vec<Restore>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM restores WHERE state = 'running' AND node = ?1 ORDER BY requested_at",
    )?;
    let rows = some.query_map([node], restore)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn restore(row: &Row<'_>) -> rusqlite::Result<Restore> {
    let tenant = |column| parsed(row, column, |text: String| TenantId::parse(&text));
    let result: Option<String> = row.get("result")?;
    let result = match result {
        Some(_) => Some(parsed(row, "result", |text: String| serde_json::from_str(&text))?),
        None => None,
    };
    let asked = NewRestore {
        id: row.get("id")?,
        tenant_id: tenant("tenant_id")?,
        source_tenant_id: tenant("source_tenant_id")?,
        backup_id: row.get("backup_id")?,
        node: row.get("node")?,
    };
    let (requested_at, finished_at) =
        (timestamp(row, "requested_at")?, timestamp_or_null(row, "finished_at")?);
    Ok(Restore::of(asked, requested_at, row.get("requested_by")?, row.get("error")?, result, finished_at))
}
