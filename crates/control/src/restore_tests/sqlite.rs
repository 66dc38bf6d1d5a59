//! Rehearsals of restores in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use tenancy::TenantId;

use super::{RestoreTest, status};
use crate::ControlError;
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{parsed, timestamp};

pub(super) fn record(deed: &WriteTransaction<'_>, test: &RestoreTest) -> Result<(), ControlError> {
    deed.tx()
        .prepare_cached(
            "INSERT INTO restore_tests (id, run_id, tenant_id, backup_id, status, checks, started_at, finished_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            test.id,
            test.run_id,
            test.tenant_id.as_str(),
            test.backup_id,
            status(test.passed),
            test.checks.to_string(),
            test.started_at.as_millisecond(),
            test.finished_at.as_millisecond(),
        ])?;
    if test.passed {
        deed.tx()
            .prepare_cached("UPDATE backups SET verified_at = ?2 WHERE id = ?1")?
            .execute(params![test.backup_id, test.finished_at.as_millisecond()])?;
    }
    Ok(())
}

pub(super) fn list(
    reader: &Connection,
    tenant: Option<&TenantId>,
    limit: u32,
) -> Result<Vec<RestoreTest>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM restore_tests WHERE ?1 IS NULL OR tenant_id = ?1 ORDER BY finished_at DESC, id DESC LIMIT ?2",
    )?;
    let rows = some.query_map(params![tenant.map(TenantId::as_str), limit], test)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn last_passed(reader: &Connection) -> Result<Vec<(TenantId, Timestamp)>, ControlError> {
    let mut all = reader.prepare_cached(
        "SELECT tenant_id, max(finished_at) AS finished_at FROM restore_tests WHERE status = 'passed' GROUP BY tenant_id",
    )?;
    let rows = all.query_map([], |row| {
        let tenant = parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?;
        Ok((tenant, timestamp(row, "finished_at")?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn test(row: &Row<'_>) -> rusqlite::Result<RestoreTest> {
    let status: String = row.get("status")?;
    Ok(RestoreTest {
        id: row.get("id")?,
        run_id: row.get("run_id")?,
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        backup_id: row.get("backup_id")?,
        passed: status == "passed",
        checks: parsed(row, "checks", |text: String| serde_json::from_str(&text))?,
        started_at: timestamp(row, "started_at")?,
        finished_at: timestamp(row, "finished_at")?,
    })
}
