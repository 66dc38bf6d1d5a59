//! Corrections of usage in PostgreSQL.

use deadpool_postgres::GenericClient;
use jiff::civil::Date;
use tenancy::{Counters, TenantId};
use tokio_postgres::Row;

use super::{Adjustment, Correction, NewAdjustment, again, unknown};
use crate::postgres::{Answer, WriteTransaction, parsed};
use crate::{Actor, usage};

pub(super) async fn adjust(
    deed: &WriteTransaction<'_>,
    new: &NewAdjustment,
    by: &Actor,
) -> Answer<Adjustment> {
    let tx = deed.tx();
    let tenant = new.tenant_id.as_str();
    // Two corrections of one tenant at once would each see the day without the other.
    let lock = tx.prepare_cached("SELECT 1 FROM tenants WHERE id = $1 FOR UPDATE").await?;
    if tx.query_opt(&lock, &[&tenant]).await?.is_none() {
        return Err(unknown(&new.tenant_id).into());
    }
    let one = tx.prepare_cached("SELECT * FROM usage_adjustments WHERE id = $1").await?;
    if let Some(row) = tx.query_opt(&one, &[&new.id]).await? {
        return Ok(again(adjustment(&row)?, new)?);
    }
    let days = usage::postgres::by_day(tx, &new.tenant_id, new.day, new.day).await?;
    new.check_day(days.first().map_or(Counters::default(), |day| day.counters))?;
    let c = new.correction;
    let insert = tx
        .prepare_cached(
            "INSERT INTO usage_adjustments (id, tenant_id, day, api_calls, search_queries, memories_created,
                 storage_bytes_delta, reason, actor, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .await?;
    tx.execute(
        &insert,
        &[
            &new.id,
            &tenant,
            &new.day,
            &c.api_calls,
            &c.search_queries,
            &c.memories_created,
            &c.storage_bytes_delta,
            &new.reason,
            &by.name(),
            &deed.now(),
        ],
    )
    .await?;
    deed.note_for(&new.tenant_id, by, "adjust_usage", tenant, &new.details(), None).await?;
    Ok(Adjustment { asked: new.clone(), actor: by.name().to_owned(), created_at: deed.now() })
}

pub(super) async fn list(
    reader: &impl GenericClient,
    tenant: &TenantId,
    first: Date,
    last: Date,
) -> Answer<Vec<Adjustment>> {
    let some = reader
        .prepare_cached(
            "SELECT * FROM usage_adjustments WHERE tenant_id = $1 AND day BETWEEN $2 AND $3
             ORDER BY day, created_at, id",
        )
        .await?;
    reader.query(&some, &[&tenant.as_str(), &first, &last]).await?.iter().map(adjustment).collect()
}

fn adjustment(row: &Row) -> Answer<Adjustment> {
    Ok(Adjustment {
        asked: NewAdjustment {
            id: row.try_get("id")?,
            tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
            day: row.try_get("day")?,
            correction: Correction {
                api_calls: row.try_get("api_calls")?,
                search_queries: row.try_get("search_queries")?,
                memories_created: row.try_get("memories_created")?,
                storage_bytes_delta: row.try_get("storage_bytes_delta")?,
            },
            reason: row.try_get("reason")?,
        },
        actor: row.try_get("actor")?,
        created_at: row.try_get("created_at")?,
    })
}
