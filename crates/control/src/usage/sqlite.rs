//! The usage ledger in SQLite.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, Row, params};
use tenancy::{Counters, RequestId, TenantId, UsageEvent};

use super::{Conflict, Recorded, UsageDay};
use crate::ControlError;
use crate::sqlite::rows::{parsed, signed, timestamp, unsigned};

const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    requests: u64,
    counters: Counters,
}

pub(super) fn by_day(
    reader: &Connection,
    tenant: &TenantId,
    first: Date,
    last: Date,
) -> Result<Vec<UsageDay>, ControlError> {
    let mut days = reader.prepare_cached(
        "SELECT * FROM usage_daily WHERE tenant_id = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day",
    )?;
    let days = days
        .query_map([tenant.as_str(), &first.to_string(), &last.to_string()], usage_day)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(days)
}

pub(super) fn record(tx: &Connection, events: Vec<UsageEvent>) -> Result<Recorded, ControlError> {
    let mut recorded = Recorded::default();
    let mut hours: BTreeMap<(TenantId, i64), Sum> = BTreeMap::new();
    for event in events {
        if insert(tx, &event)? {
            recorded.inserted += 1;
            let hour_start = event.occurred_at.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS;
            let sum = hours.entry((event.tenant_id, hour_start)).or_default();
            sum.requests += 1;
            sum.counters += event.counters;
            continue;
        }
        match stored_event(tx, event.request_id)? {
            Some(stored) if stored != event => {
                recorded.conflicting.push(Conflict { stored, offered: event });
            }
            _ => recorded.duplicates += 1,
        }
    }
    roll_up(tx, hours)?;
    Ok(recorded)
}

/// Whether the event was new.
fn insert(tx: &Connection, event: &UsageEvent) -> Result<bool, ControlError> {
    let rows = tx
        .prepare_cached(
            "INSERT INTO usage_events (request_id, tenant_id, workspace, route, status_code, api_calls,
                 search_queries, memories_created, storage_bytes_delta, occurred_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            event.request_id.to_string(),
            event.tenant_id.as_str(),
            event.workspace,
            event.route,
            event.status,
            signed(event.counters.api_calls),
            signed(event.counters.search_queries),
            signed(event.counters.memories_created),
            event.counters.storage_bytes_delta,
            event.occurred_at.as_millisecond(),
        ])?;
    Ok(rows == 1)
}

fn roll_up(tx: &Connection, hours: BTreeMap<(TenantId, i64), Sum>) -> Result<(), ControlError> {
    let mut hourly = tx.prepare_cached(&upsert_sum("usage_hourly", "hour_start"))?;
    let mut daily = tx.prepare_cached(&upsert_sum("usage_daily", "day"))?;
    for ((tenant, hour_start), sum) in hours {
        let (requests, counted) = (signed(sum.requests), sum.counters);
        let (calls, searches) = (signed(counted.api_calls), signed(counted.search_queries));
        let (created, bytes) = (signed(counted.memories_created), counted.storage_bytes_delta);
        hourly.execute(params![tenant.as_str(), hour_start, requests, calls, searches, created, bytes])?;
        let start = Timestamp::from_millisecond(hour_start)
            .map_err(|error| ControlError::Invalid(format!("an event's time: {error}")))?;
        let day = UsageDay::day_of(start).to_string();
        daily.execute(params![tenant.as_str(), day, requests, calls, searches, created, bytes])?;
    }
    Ok(())
}

fn upsert_sum(table: &str, period: &str) -> String {
    format!(
        "INSERT INTO {table} (tenant_id, {period}, requests, api_calls, search_queries, memories_created,
             storage_bytes_delta)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (tenant_id, {period}) DO UPDATE SET
             requests = requests + excluded.requests,
             api_calls = api_calls + excluded.api_calls,
             search_queries = search_queries + excluded.search_queries,
             memories_created = memories_created + excluded.memories_created,
             storage_bytes_delta = storage_bytes_delta + excluded.storage_bytes_delta"
    )
}

pub(super) fn stored_event(reader: &Connection, id: RequestId) -> Result<Option<UsageEvent>, ControlError> {
    let mut find = reader.prepare_cached("SELECT * FROM usage_events WHERE request_id = ?1")?;
    let mut rows = find.query_map([id.to_string()], |row| {
        Ok(UsageEvent {
            request_id: id,
            tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
            workspace: row.get("workspace")?,
            route: row.get("route")?,
            status: row.get("status_code")?,
            counters: counters(row)?,
            occurred_at: timestamp(row, "occurred_at")?,
        })
    })?;
    Ok(rows.next().transpose()?)
}

fn usage_day(row: &Row<'_>) -> rusqlite::Result<UsageDay> {
    Ok(UsageDay {
        day: parsed(row, "day", |text: String| text.parse::<Date>())?,
        requests: unsigned(row, "requests")?,
        counters: counters(row)?,
    })
}

fn counters(row: &Row<'_>) -> rusqlite::Result<Counters> {
    Ok(Counters {
        api_calls: unsigned(row, "api_calls")?,
        search_queries: unsigned(row, "search_queries")?,
        memories_created: unsigned(row, "memories_created")?,
        storage_bytes_delta: row.get("storage_bytes_delta")?,
    })
}
