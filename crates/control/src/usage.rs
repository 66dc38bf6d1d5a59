//! The usage ledger: each request at most once, rolled up by hour and day in the transaction that inserts it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{Connection, Row, params};
use tenancy::{Counters, RequestId, TenantId, UsageEvent};

use crate::rows::{parsed, signed, timestamp, unsigned};
use crate::{Control, ControlError};

const HOUR_MS: i64 = 3_600_000;

/// What became of a batch of events; the three add up to its length.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Events that were new, and are now counted.
    pub inserted: u64,
    /// Events the ledger held already, word for word.
    pub duplicates: u64,
    /// Events whose id the ledger holds with another content; the first one stands.
    pub conflicting: Vec<Conflict>,
}

/// Two different events under one request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The event that counts.
    pub stored: UsageEvent,
    /// The event that came later, and does not.
    pub offered: UsageEvent,
}

/// What a tenant used on one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDay {
    /// The day, in UTC.
    pub day: Date,
    /// Requests on record, charged or not.
    pub requests: u64,
    /// What is charged.
    pub counters: Counters,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    requests: u64,
    counters: Counters,
}

impl Control {
    /// Takes a batch of events into the ledger, whole or not at all. Sending it again changes nothing.
    ///
    /// An event counts on the day and hour it happened, however late it comes.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`]; nothing of the batch is then recorded.
    pub async fn record_usage(&self, events: Vec<UsageEvent>) -> Result<Recorded, ControlError> {
        self.write(move |deed| record(deed.tx(), events)).await
    }

    /// A tenant's days from `first` to `last`, both included, oldest first; days without a request are left out.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn usage_by_day(
        &self,
        tenant: &TenantId,
        first: Date,
        last: Date,
    ) -> Result<Vec<UsageDay>, ControlError> {
        let tenant = tenant.clone();
        self.read(move |reader| {
            let mut days = reader.prepare_cached(
                "SELECT * FROM usage_daily WHERE tenant_id = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day",
            )?;
            let days = days
                .query_map([tenant.as_str(), &first.to_string(), &last.to_string()], usage_day)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(days)
        })
        .await
    }

    /// The event on record under a request's id.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn usage_event(&self, id: RequestId) -> Result<Option<UsageEvent>, ControlError> {
        self.read(move |reader| stored_event(reader, id)).await
    }
}

impl UsageDay {
    /// The UTC day on which something that happened at `at` counts.
    pub fn day_of(at: Timestamp) -> Date {
        at.to_zoned(TimeZone::UTC).date()
    }
}

fn record(tx: &Connection, events: Vec<UsageEvent>) -> Result<Recorded, ControlError> {
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

fn stored_event(reader: &Connection, id: RequestId) -> Result<Option<UsageEvent>, ControlError> {
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
