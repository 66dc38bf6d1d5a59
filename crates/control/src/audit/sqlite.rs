//! The audit log in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use tenancy::TenantId;

use super::{Actor, AuditQuery, AuditRecord};
use crate::ControlError;
use crate::sqlite::rows::{parsed, timestamp};

pub(super) fn read(reader: &Connection, query: &AuditQuery) -> Result<Vec<AuditRecord>, ControlError> {
    let (before, limit) = query.bounds();
    let tenant = query.tenant.as_ref().map(TenantId::as_str);
    let mut newest = reader.prepare_cached(
        "SELECT * FROM audit_log WHERE id < ?1 AND (?2 IS NULL OR tenant_id = ?2) ORDER BY id DESC LIMIT ?3",
    )?;
    let records =
        newest.query_map(params![before, tenant, limit], record)?.collect::<rusqlite::Result<_>>()?;
    Ok(records)
}

pub(crate) fn insert(
    tx: &Connection,
    now: Timestamp,
    tenant: Option<&TenantId>,
    by: &Actor,
    action: &'static str,
    target: &str,
    details: &serde_json::Value,
) -> Result<(), ControlError> {
    tx.prepare_cached(
        "INSERT INTO audit_log (occurred_at, tenant_id, actor, origin, action, target, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        now.as_millisecond(),
        tenant.map(TenantId::as_str),
        by.name,
        by.origin,
        action,
        target,
        details.to_string(),
    ])?;
    Ok(())
}

fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        id: row.get("id")?,
        occurred_at: timestamp(row, "occurred_at")?,
        tenant: match row.get::<_, Option<String>>("tenant_id")? {
            Some(_) => Some(parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?),
            None => None,
        },
        actor: row.get("actor")?,
        origin: row.get("origin")?,
        action: row.get("action")?,
        target: row.get("target")?,
        details: parsed(row, "details", |text: String| serde_json::from_str(&text))?,
    })
}
