//! The usage ledger in SQLite.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, Row, params};
use tenancy::{Counters, RequestId, TenantId, UsageEvent, UsageSum};

use super::{Conflict, Recorded, UsageDay, UsageEventsQuery, UsageHour};
use crate::sqlite::rows::{parsed, signed, timestamp, unsigned};
use crate::{ControlError, usage_retention};

pub(crate) fn by_day(
    reader: &Connection,
    tenant: &TenantId,
    first: Date,
    last: Date,
) -> Result<Vec<UsageDay>, ControlError> {
    let mut days = reader.prepare_cached(
        "SELECT day, sum(requests) AS requests, sum(api_calls) AS api_calls, sum(search_queries) AS search_queries,
             sum(memories_created) AS memories_created, sum(storage_bytes_delta) AS storage_bytes_delta
         FROM (
             SELECT day, requests, api_calls, search_queries, memories_created, storage_bytes_delta
             FROM usage_daily WHERE tenant_id = ?1 AND day BETWEEN ?2 AND ?3
             UNION ALL
             SELECT day, 0, api_calls, search_queries, memories_created, storage_bytes_delta
             FROM usage_adjustments WHERE tenant_id = ?1 AND day BETWEEN ?2 AND ?3
         ) GROUP BY day ORDER BY day",
    )?;
    let days = days
        .query_map([tenant.as_str(), &first.to_string(), &last.to_string()], usage_day)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(days)
}

pub(super) fn record(tx: &Connection, events: Vec<UsageEvent>) -> Result<Recorded, ControlError> {
    let mut recorded = Recorded::default();
    let mut hours: BTreeMap<(TenantId, i64), UsageSum> = BTreeMap::new();
    let open_from = usage_retention::sqlite::closed_through(tx)?.map(usage_retention::end_of);
    for event in events {
        if open_from.is_some_and(|open| event.occurred_at < open) {
            insert(tx, "usage_late_events", &event)?;
            recorded.late.push(event);
            continue;
        }
        if insert(tx, "usage_events", &event)? {
            recorded.inserted += 1;
            let hour_start = event.hour_start().as_millisecond();
            *hours.entry((event.tenant_id.clone(), hour_start)).or_default() += UsageSum::of(&event);
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
fn insert(tx: &Connection, table: &str, event: &UsageEvent) -> Result<bool, ControlError> {
    let rows = tx
        .prepare_cached(&format!(
            "INSERT INTO {table} (request_id, tenant_id, workspace, route, status_code, api_calls,
                 search_queries, memories_created, storage_bytes_delta, occurred_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING"
        ))?
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

fn roll_up(tx: &Connection, hours: BTreeMap<(TenantId, i64), UsageSum>) -> Result<(), ControlError> {
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
    let mut rows = find.query_map([id.to_string()], usage_event)?;
    Ok(rows.next().transpose()?)
}

pub(super) fn by_hour(
    reader: &Connection,
    tenant: &TenantId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<UsageHour>, ControlError> {
    let mut hours = reader.prepare_cached(
        "SELECT * FROM usage_hourly WHERE tenant_id = ?1 AND hour_start >= ?2 AND hour_start < ?3
         ORDER BY hour_start",
    )?;
    let rows =
        hours.query_map(params![tenant.as_str(), from.as_millisecond(), to.as_millisecond()], |row| {
            Ok(UsageHour {
                hour_start: timestamp(row, "hour_start")?,
                sum: UsageSum { requests: unsigned(row, "requests")?, counters: counters(row)? },
            })
        })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn events(reader: &Connection, query: &UsageEventsQuery) -> Result<Vec<UsageEvent>, ControlError> {
    let UsageEventsQuery { tenant, from, to, after, limit } = query;
    // Ids of no event sort before all others of their moment.
    let (after_at, after_id) = after
        .map_or((from.as_millisecond(), String::new()), |(at, id)| (at.as_millisecond(), id.to_string()));
    let mut page = reader.prepare_cached(
        "SELECT * FROM usage_events
         WHERE occurred_at >= max(?1, ?3) AND occurred_at < ?2 AND (occurred_at, request_id) > (?3, ?4)
             AND (?5 IS NULL OR tenant_id = ?5)
         ORDER BY occurred_at, request_id LIMIT ?6",
    )?;
    let tenant = tenant.as_ref().map(TenantId::as_str);
    let rows = page.query_map(
        params![from.as_millisecond(), to.as_millisecond(), after_at, after_id, tenant, limit],
        usage_event,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn usage_event(row: &Row<'_>) -> rusqlite::Result<UsageEvent> {
    Ok(UsageEvent {
        request_id: parsed(row, "request_id", |text: String| RequestId::parse(&text))?,
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        workspace: row.get("workspace")?,
        route: row.get("route")?,
        status: row.get("status_code")?,
        counters: counters(row)?,
        occurred_at: timestamp(row, "occurred_at")?,
    })
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
