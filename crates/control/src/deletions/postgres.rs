//! Deletions in PostgreSQL.

use deadpool_postgres::GenericClient;
use serde_json::Value;
use tenancy::{Slug, TenantId, TenantStatus};
use tokio_postgres::Row;

use super::{Advance, Deletion, STOP_TRAFFIC, Stopped, unknown};
use crate::postgres::{Answer, WriteTransaction, parsed};
use crate::{Actor, Change, tenants};

pub(super) async fn delete_tenant(deed: &WriteTransaction<'_>, slug: &Slug, by: &Actor) -> Answer<Deletion> {
    let tenant = tenants::postgres::by_slug_locked(deed, slug).await?;
    let (tx, id, now) = (deed.tx(), tenant.id.as_str(), deed.now());
    let delete = tx.prepare_cached("UPDATE tenants SET status = $2 WHERE id = $1").await?;
    tx.execute(&delete, &[&id, &TenantStatus::Deleted.as_str()]).await?;
    let keys = tx
        .prepare_cached("UPDATE api_keys SET revoked_at = $2 WHERE tenant_id = $1 AND revoked_at IS NULL")
        .await?;
    let invites = tx
        .prepare_cached(
            "UPDATE invites SET revoked_at = $2
             WHERE tenant_id = $1 AND revoked_at IS NULL AND accepted_at IS NULL",
        )
        .await?;
    let members = tx.prepare_cached("DELETE FROM members WHERE tenant_id = $1").await?;
    let stopped = Stopped {
        keys: tx.execute(&keys, &[&id, &now]).await?,
        invites: tx.execute(&invites, &[&id, &now]).await?,
        members: tx.execute(&members, &[&id]).await?,
    };
    let deletion = Deletion::of(&tenant, now, by, stopped);
    let insert = tx
        .prepare_cached(
            "INSERT INTO tenant_deletions (tenant_id, slug, requested_at, requested_by, steps)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .await?;
    tx.execute(&insert, &[&id, &slug.as_str(), &now, &deletion.requested_by, &steps(&deletion)]).await?;
    let change = Change::Tenant { id: tenant.id.clone(), slug: slug.clone() };
    let details = &deletion.steps[STOP_TRAFFIC];
    deed.note_for(&tenant.id, by, "delete_tenant", id, details, Some(change)).await?;
    Ok(deletion)
}

pub(super) async fn unfinished(reader: &impl GenericClient) -> Answer<Vec<Deletion>> {
    let all = reader
        .prepare_cached(
            "SELECT * FROM tenant_deletions WHERE finished_at IS NULL ORDER BY requested_at, tenant_id",
        )
        .await?;
    reader.query(&all, &[]).await?.iter().map(deletion).collect()
}

pub(super) async fn find(reader: &impl GenericClient, tenant: &TenantId) -> Answer<Option<Deletion>> {
    let one = reader.prepare_cached("SELECT * FROM tenant_deletions WHERE tenant_id = $1").await?;
    reader.query_opt(&one, &[&tenant.as_str()]).await?.as_ref().map(deletion).transpose()
}

pub(super) async fn newest_of_slug(reader: &impl GenericClient, slug: &Slug) -> Answer<Option<Deletion>> {
    let one = reader
        .prepare_cached("SELECT * FROM tenant_deletions WHERE slug = $1 ORDER BY requested_at DESC LIMIT 1")
        .await?;
    reader.query_opt(&one, &[&slug.as_str()]).await?.as_ref().map(deletion).transpose()
}

pub(super) async fn advance(
    deed: &WriteTransaction<'_>,
    tenant: &TenantId,
    advance: Advance,
) -> Answer<Deletion> {
    let mut deletion = locked(deed, tenant).await?;
    deletion.advance(advance);
    update(deed, &deletion).await?;
    Ok(deletion)
}

pub(super) async fn finish(deed: &WriteTransaction<'_>, tenant: &TenantId, by: &Actor) -> Answer<Deletion> {
    let mut deletion = locked(deed, tenant).await?;
    if deletion.finished_at.is_some() {
        return Ok(deletion);
    }
    deletion.finished_at = Some(deed.now());
    update(deed, &deletion).await?;
    let receipt = deletion.receipt();
    deed.note_for(tenant, by, "finish_tenant_deletion", tenant.as_str(), &receipt, None).await?;
    Ok(deletion)
}

async fn locked(deed: &WriteTransaction<'_>, tenant: &TenantId) -> Answer<Deletion> {
    let lock =
        deed.tx().prepare_cached("SELECT * FROM tenant_deletions WHERE tenant_id = $1 FOR UPDATE").await?;
    let found = deed.tx().query_opt(&lock, &[&tenant.as_str()]).await?;
    deletion(&found.ok_or_else(|| unknown(tenant))?)
}

async fn update(deed: &WriteTransaction<'_>, deletion: &Deletion) -> Answer<()> {
    let update = deed
        .tx()
        .prepare_cached(
            "UPDATE tenant_deletions SET steps = $2, attempts = $3, last_error = $4, finished_at = $5
             WHERE tenant_id = $1",
        )
        .await?;
    let (tenant, attempts) = (deletion.tenant_id.as_str(), i64::from(deletion.attempts));
    deed.tx()
        .execute(
            &update,
            &[&tenant, &steps(deletion), &attempts, &deletion.last_error, &deletion.finished_at],
        )
        .await?;
    Ok(())
}

fn steps(deletion: &Deletion) -> Value {
    Value::Object(deletion.steps.clone())
}

fn deletion(row: &Row) -> Answer<Deletion> {
    Ok(Deletion {
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        slug: parsed(row, "slug", Slug::parse)?,
        requested_at: row.try_get("requested_at")?,
        requested_by: row.try_get("requested_by")?,
        steps: parsed(row, "steps", serde_json::from_value)?,
        attempts: parsed(row, "attempts", |attempts: i64| u32::try_from(attempts))?,
        last_error: row.try_get("last_error")?,
        finished_at: row.try_get("finished_at")?,
    })
}
