//! Rehearsals of restores in PostgreSQL.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tenancy::TenantId;
use tokio_postgres::Row;

use super::{RestoreTest, status};
use crate::postgres::{Answer, WriteTransaction, parsed};

pub(super) async fn record(deed: &WriteTransaction<'_>, test: &RestoreTest) -> Answer<()> {
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO restore_tests (id, run_id, tenant_id, backup_id, status, checks, started_at, finished_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .await?;
    deed.tx()
        .execute(
            &insert,
            &[
                &test.id,
                &test.run_id,
                &test.tenant_id.as_str(),
                &test.backup_id,
                &status(test.passed),
                &test.checks,
                &test.started_at,
                &test.finished_at,
            ],
        )
        .await?;
    if test.passed {
        let verify = deed.tx().prepare_cached("UPDATE backups SET verified_at = $2 WHERE id = $1").await?;
        deed.tx().execute(&verify, &[&test.backup_id, &test.finished_at]).await?;
    }
    Ok(())
}

pub(super) async fn list(
    reader: &impl GenericClient,
    tenant: Option<&TenantId>,
    limit: u32,
) -> Answer<Vec<RestoreTest>> {
    let some = reader
        .prepare_cached(
            "SELECT * FROM restore_tests WHERE $1::text IS NULL OR tenant_id = $1
             ORDER BY finished_at DESC, id DESC LIMIT $2",
        )
        .await?;
    let rows = reader.query(&some, &[&tenant.map(TenantId::as_str), &i64::from(limit)]).await?;
    rows.iter().map(test).collect()
}

pub(super) async fn last_passed(reader: &impl GenericClient) -> Answer<Vec<(TenantId, Timestamp)>> {
    let all = reader
        .prepare_cached(
            "SELECT tenant_id, max(finished_at) AS finished_at FROM restore_tests WHERE status = 'passed'
             GROUP BY tenant_id",
        )
        .await?;
    let rows = reader.query(&all, &[]).await?;
    rows.iter()
        .map(|row| Ok((parsed(row, "tenant_id", TenantId::parse)?, row.try_get("finished_at")?)))
        .collect()
}

fn test(row: &Row) -> Answer<RestoreTest> {
    let status: &str = row.try_get("status")?;
    Ok(RestoreTest {
        id: row.try_get("id")?,
        run_id: row.try_get("run_id")?,
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        backup_id: row.try_get("backup_id")?,
        passed: status == "passed",
        checks: row.try_get("checks")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
    })
}
