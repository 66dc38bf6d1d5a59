//! Backups in PostgreSQL.

use deadpool_postgres::GenericClient;
use tenancy::TenantId;
use tokio_postgres::Row;

use super::{Backup, LISTED_MAX, newest_where};
use crate::Actor;
use crate::postgres::{Answer, WriteTransaction, parsed, signed, unsigned};

pub(super) async fn record(deed: &WriteTransaction<'_>, backup: &Backup, by: &Actor) -> Answer<()> {
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO backups (id, tenant_id, created_at, reason, schema_version, object_key, size_bytes, sha256,
                 plain_bytes, memories, ids_handed_out, source_stamp, verified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
        )
        .await?;
    let inserted = deed
        .tx()
        .execute(
            &insert,
            &[
                &backup.id,
                &backup.tenant_id.as_str(),
                &backup.created_at,
                &backup.reason,
                &backup.schema_version,
                &backup.object_key,
                &signed(backup.size_bytes),
                &backup.sha256,
                &signed(backup.plain_bytes),
                &signed(backup.memories),
                &backup.ids_handed_out,
                &backup.source_stamp,
                &backup.verified_at,
            ],
        )
        .await?;
    if inserted == 0 {
        return Ok(());
    }
    deed.note_for(&backup.tenant_id, by, "create_backup", &backup.id, &backup.details(), None).await
}

pub(super) async fn of_tenant(reader: &impl GenericClient, tenant: &TenantId) -> Answer<Vec<Backup>> {
    let some = reader
        .prepare_cached(
            "SELECT * FROM backups WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        )
        .await?;
    reader.query(&some, &[&tenant.as_str(), &i64::from(LISTED_MAX)]).await?.iter().map(backup).collect()
}

pub(super) async fn newest(reader: &impl GenericClient) -> Answer<Vec<Backup>> {
    let some = reader.prepare_cached(&newest_where("true")).await?;
    reader.query(&some, &[]).await?.iter().map(backup).collect()
}

pub(super) async fn newest_of(reader: &impl GenericClient, tenants: &[TenantId]) -> Answer<Vec<Backup>> {
    let named: Vec<_> = tenants.iter().map(TenantId::as_str).collect();
    let some = reader.prepare_cached(&newest_where("tenant_id = ANY($1)")).await?;
    reader.query(&some, &[&named]).await?.iter().map(backup).collect()
}

pub(super) async fn forget(deed: &WriteTransaction<'_>, backup: &Backup, by: &Actor) -> Answer<()> {
    let delete = deed.tx().prepare_cached("DELETE FROM backups WHERE id = $1").await?;
    if deed.tx().execute(&delete, &[&backup.id]).await? == 0 {
        return Ok(());
    }
    deed.note_for(&backup.tenant_id, by, "remove_backup", &backup.id, &backup.details(), None).await
}

fn backup(row: &Row) -> Answer<Backup> {
    Ok(Backup {
        id: row.try_get("id")?,
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        created_at: row.try_get("created_at")?,
        reason: row.try_get("reason")?,
        schema_version: row.try_get("schema_version")?,
        object_key: row.try_get("object_key")?,
        size_bytes: unsigned(row, "size_bytes")?,
        sha256: row.try_get("sha256")?,
        plain_bytes: unsigned(row, "plain_bytes")?,
        memories: unsigned(row, "memories")?,
        ids_handed_out: row.try_get("ids_handed_out")?,
        source_stamp: row.try_get("source_stamp")?,
        verified_at: row.try_get("verified_at")?,
    })
}
