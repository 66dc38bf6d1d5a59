//! Erasures in PostgreSQL.

use deadpool_postgres::GenericClient;
use tenancy::TenantId;
use tokio_postgres::Row;

use super::{Erasure, details};
use crate::Actor;
use crate::postgres::{Answer, WriteTransaction, parsed};

pub(super) async fn request(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    memories: &[(i64, String)],
    by: &Actor,
) -> Answer<()> {
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO erasures (tenant_id, memory_id, content_hash, requested_at, requested_by)
             SELECT $1, id, hash, $4, $5 FROM unnest($2::bigint[], $3::text[]) AS asked (id, hash)
             ON CONFLICT DO NOTHING",
        )
        .await?;
    let (ids, hashes): (Vec<i64>, Vec<&str>) = memories.iter().map(|(id, hash)| (*id, hash.as_str())).unzip();
    deed.tx().execute(&insert, &[&tenant.as_str(), &ids, &hashes, &deed.now(), &by.name()]).await?;
    deed.note_for(tenant, by, "erase_memories", tenant.as_str(), &details(memories), None).await
}

pub(super) async fn finish(deed: &WriteTransaction<'_>, tenant: &TenantId, memories: &[i64]) -> Answer<()> {
    let update = deed
        .tx()
        .prepare_cached(
            "UPDATE erasures SET done_at = $3
             WHERE tenant_id = $1 AND memory_id = ANY ($2) AND done_at IS NULL",
        )
        .await?;
    deed.tx().execute(&update, &[&tenant.as_str(), &memories, &deed.now()]).await?;
    Ok(())
}

pub(super) async fn of_tenant(reader: &impl GenericClient, tenant: &TenantId) -> Answer<Vec<Erasure>> {
    let some =
        reader.prepare_cached("SELECT * FROM erasures WHERE tenant_id = $1 ORDER BY memory_id").await?;
    reader.query(&some, &[&tenant.as_str()]).await?.iter().map(erasure).collect()
}

pub(super) async fn unfinished(reader: &impl GenericClient) -> Answer<Vec<Erasure>> {
    let some = reader
        .prepare_cached(
            "SELECT * FROM erasures WHERE done_at IS NULL ORDER BY requested_at, tenant_id, memory_id",
        )
        .await?;
    reader.query(&some, &[]).await?.iter().map(erasure).collect()
}

fn erasure(row: &Row) -> Answer<Erasure> {
    Ok(Erasure {
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        memory_id: row.try_get("memory_id")?,
        content_hash: row.try_get("content_hash")?,
        requested_at: row.try_get("requested_at")?,
        requested_by: row.try_get("requested_by")?,
        done_at: row.try_get("done_at")?,
    })
}
