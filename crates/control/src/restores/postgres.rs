//! Restores in PostgreSQL.

use deadpool_postgres::GenericClient;
use serde_json::Value;
use tenancy::TenantId;
use tokio_postgres::Row;

use super::{LISTED_MAX, NewRestore, Restore, details, state_of};
use crate::Actor;
use crate::postgres::{Answer, WriteTransaction, parsed};

pub(super) async fn begin(deed: &WriteTransaction<'_>, new: &NewRestore, by: &Actor) -> Answer<()> {
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO restores (id, tenant_id, source_tenant_id, backup_id, requested_at, requested_by, node, state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'running') ON CONFLICT DO NOTHING",
        )
        .await?;
    let (tenant, source) = (new.tenant_id.as_str(), new.source_tenant_id.as_str());
    deed.tx()
        .execute(&insert, &[&new.id, &tenant, &source, &new.backup_id, &deed.now(), &by.name(), &new.node])
        .await?;
    let asked = serde_json::json!({"restore": new.id, "backup": new.backup_id});
    deed.note_for(&new.tenant_id, by, "begin_restore", tenant, &asked, None).await
}

pub(super) async fn finish(
    deed: &WriteTransaction<'_>,
    restore: &NewRestore,
    outcome: &Result<Value, String>,
    by: &Actor,
) -> Answer<()> {
    let update = deed
        .tx()
        .prepare_cached(
            "UPDATE restores SET state = $2, error = $3, result = $4, finished_at = $5
             WHERE id = $1 AND state = 'running'",
        )
        .await?;
    let (error, result) = (outcome.as_ref().err(), outcome.as_ref().ok());
    let changed =
        deed.tx().execute(&update, &[&restore.id, &state_of(outcome), &error, &result, &deed.now()]).await?;
    if changed == 0 {
        return Ok(());
    }
    let tenant = &restore.tenant_id;
    deed.note_for(tenant, by, "finish_restore", tenant.as_str(), &details(restore, outcome), None).await
}

pub(super) async fn of_tenant(reader: &impl GenericClient, tenant: &TenantId) -> Answer<Vec<Restore>> {
    let some = reader
        .prepare_cached(
            "SELECT * FROM restores WHERE tenant_id = $1 ORDER BY requested_at DESC, id DESC LIMIT $2",
        )
        .await?;
    reader.query(&some, &[&tenant.as_str(), &i64::from(LISTED_MAX)]).await?.iter().map(restore).collect()
}

pub(super) async fn unfinished(reader: &impl GenericClient, node: &str) -> Answer<Vec<Restore>> {
    let some = reader
        .prepare_cached("SELECT * FROM restores WHERE state = 'running' AND node = $1 ORDER BY requested_at")
        .await?;
    reader.query(&some, &[&node]).await?.iter().map(restore).collect()
}

fn restore(row: &Row) -> Answer<Restore> {
    let asked = NewRestore {
        id: row.try_get("id")?,
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        source_tenant_id: parsed(row, "source_tenant_id", TenantId::parse)?,
        backup_id: row.try_get("backup_id")?,
        node: row.try_get("node")?,
    };
    Ok(Restore::of(
        asked,
        row.try_get("requested_at")?,
        row.try_get("requested_by")?,
        row.try_get("error")?,
        row.try_get("result")?,
        row.try_get("finished_at")?,
    ))
}
