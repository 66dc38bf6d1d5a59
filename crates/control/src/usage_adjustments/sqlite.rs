//! Corrections of usage in SQLite.

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tenancy::{Counters, TenantId};

use super::{Adjustment, Correction, NewAdjustment, again, unknown};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{parsed, timestamp};
use crate::{Actor, ControlError, usage};

pub(super) fn adjust(
    deed: &WriteTransaction<'_>,
    new: &NewAdjustment,
    by: &Actor,
) -> Result<Adjustment, ControlError> {
    let tx = deed.tx();
    let tenant = new.tenant_id.as_str();
    let known: bool =
        tx.query_row("SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1)", [tenant], |row| row.get(0))?;
    if !known {
        return Err(unknown(&new.tenant_id));
    }
    let stored = tx
        .prepare_cached("SELECT * FROM usage_adjustments WHERE id = ?1")?
        .query_row([&new.id], adjustment)
        .optional()?;
    if let Some(stored) = stored {
        return again(stored, new);
    }
    let days = usage::sqlite::by_day(tx, &new.tenant_id, new.day, new.day)?;
    new.check_day(days.first().map_or(Counters::default(), |day| day.counters))?;
    let c = new.correction;
    tx.prepare_cached(
        "INSERT INTO usage_adjustments (id, tenant_id, day, api_calls, search_queries, memories_created,
             storage_bytes_delta, reason, actor, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        new.id,
        tenant,
        new.day.to_string(),
        c.api_calls,
        c.search_queries,
        c.memories_created,
        c.storage_bytes_delta,
        new.reason,
        by.name(),
        deed.now().as_millisecond(),
    ])?;
    deed.note_for(&new.tenant_id, by, "adjust_usage", tenant, &new.details(), None)?;
    Ok(Adjustment { asked: new.clone(), actor: by.name().to_owned(), created_at: deed.now() })
}

pub(super) fn list(
    reader: &Connection,
    tenant: &TenantId,
    first: Date,
    last: Date,
) -> Result<Vec<Adjustment>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM usage_adjustments WHERE tenant_id = ?1 AND day BETWEEN ?2 AND ?3
         ORDER BY day, created_at, id",
    )?;
    let rows = some.query_map([tenant.as_str(), &first.to_string(), &last.to_string()], adjustment)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn adjustment(row: &Row<'_>) -> rusqlite::Result<Adjustment> {
    Ok(Adjustment {
        asked: NewAdjustment {
            id: row.get("id")?,
            tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
            day: parsed(row, "day", |text: String| text.parse::<Date>())?,
            correction: Correction {
                api_calls: row.get("api_calls")?,
                search_queries: row.get("search_queries")?,
                memories_created: row.get("memories_created")?,
                storage_bytes_delta: row.get("storage_bytes_delta")?,
            },
            reason: row.get("reason")?,
        },
        actor: row.get("actor")?,
        created_at: timestamp(row, "created_at")?,
    })
}
