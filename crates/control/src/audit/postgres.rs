//! The audit log in PostgreSQL.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tenancy::TenantId;
use tokio_postgres::Row;

use super::{Actor, AuditQuery, AuditRecord};
use crate::postgres::{Answer, parsed};

pub(super) async fn read(reader: &impl GenericClient, query: &AuditQuery) -> Answer<Vec<AuditRecord>> {
    let (before, limit) = query.bounds();
    let tenant = query.tenant.as_ref().map(TenantId::as_str);
    let newest = reader
        .prepare_cached(
            "SELECT * FROM audit_log WHERE id < $1 AND ($2::text IS NULL OR tenant_id = $2)
             ORDER BY id DESC LIMIT $3",
        )
        .await?;
    reader.query(&newest, &[&before, &tenant, &limit]).await?.iter().map(record).collect()
}

pub(crate) async fn insert(
    tx: &impl GenericClient,
    now: Timestamp,
    tenant: Option<&TenantId>,
    by: &Actor,
    action: &'static str,
    target: &str,
    details: &serde_json::Value,
) -> Answer<()> {
    let insert = tx
        .prepare_cached(
            "INSERT INTO audit_log (occurred_at, tenant_id, actor, origin, action, target, details)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .await?;
    let tenant = tenant.map(TenantId::as_str);
    tx.execute(&insert, &[&now, &tenant, &by.name, &by.origin, &action, &target, details]).await?;
    Ok(())
}

fn record(row: &Row) -> Answer<AuditRecord> {
    Ok(AuditRecord {
        id: row.try_get("id")?,
        occurred_at: row.try_get("occurred_at")?,
        tenant: match row.try_get::<_, Option<&str>>("tenant_id")? {
            Some(_) => Some(parsed(row, "tenant_id", TenantId::parse)?),
            None => None,
        },
        actor: row.try_get("actor")?,
        origin: row.try_get("origin")?,
        action: row.try_get("action")?,
        target: row.try_get("target")?,
        details: row.try_get("details")?,
    })
}
