//! Reconciliation in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use tenancy::{Counters, NodeHour, UsageSum};

use super::{ReconciledHour, Reconciliation};
use crate::ControlError;
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{signed, timestamp, timestamp_or_null};
use crate::usage_retention;

const HOUR_MS: i64 = 3_600_000;

/// Single events by tenant and hour beside the hourly rows, then both summed by hour beside what nodes told.
const RECONCILE: &str = "
WITH raw AS (
    SELECT tenant_id, occurred_at - ((occurred_at % ?3) + ?3) % ?3 AS hour_start, count(*) AS requests,
        sum(api_calls) AS api_calls, sum(search_queries) AS search_queries,
        sum(memories_created) AS memories_created, sum(storage_bytes_delta) AS storage_bytes_delta
    FROM usage_events WHERE occurred_at >= ?1 AND occurred_at < ?2 GROUP BY 1, 2
), rolled AS (
    SELECT * FROM usage_hourly WHERE hour_start >= ?1 AND hour_start < ?2
), both_sides AS (
    SELECT coalesce(raw.hour_start, rolled.hour_start) AS hour_start,
        sum(raw.requests) AS ledger_requests, sum(raw.api_calls) AS ledger_api_calls,
        sum(raw.search_queries) AS ledger_search_queries, sum(raw.memories_created) AS ledger_memories_created,
        sum(raw.storage_bytes_delta) AS ledger_storage_bytes_delta,
        sum(rolled.requests) AS rolled_requests, sum(rolled.api_calls) AS rolled_api_calls,
        sum(rolled.search_queries) AS rolled_search_queries, sum(rolled.memories_created) AS rolled_memories_created,
        sum(rolled.storage_bytes_delta) AS rolled_storage_bytes_delta,
        sum((raw.requests, raw.api_calls, raw.search_queries, raw.memories_created, raw.storage_bytes_delta)
            IS NOT (rolled.requests, rolled.api_calls, rolled.search_queries, rolled.memories_created,
                rolled.storage_bytes_delta)) AS tenants_differing
    FROM raw FULL JOIN rolled ON raw.tenant_id = rolled.tenant_id AND raw.hour_start = rolled.hour_start
    GROUP BY 1
), told AS (
    SELECT hour_start, count(*) AS nodes, min(reported_at) AS told_at, sum(requests) AS served_requests, sum(api_calls) AS served_api_calls,
        sum(search_queries) AS served_search_queries, sum(memories_created) AS served_memories_created,
        sum(storage_bytes_delta) AS served_storage_bytes_delta, sum(sent_requests) AS sent_requests,
        sum(sent_api_calls) AS sent_api_calls, sum(sent_search_queries) AS sent_search_queries,
        sum(sent_memories_created) AS sent_memories_created,
        sum(sent_storage_bytes_delta) AS sent_storage_bytes_delta
    FROM usage_node_hours WHERE hour_start >= ?1 AND hour_start < ?2 GROUP BY 1
)
SELECT coalesce(told.hour_start, both_sides.hour_start) AS hour, *
FROM told FULL JOIN both_sides ON told.hour_start = both_sides.hour_start
ORDER BY 1";

const DAYS_DIFFERING: &str = "
WITH hours AS (
    SELECT tenant_id, date(hour_start / 1000, 'unixepoch') AS day, sum(requests) AS requests,
        sum(api_calls) AS api_calls, sum(search_queries) AS search_queries,
        sum(memories_created) AS memories_created, sum(storage_bytes_delta) AS storage_bytes_delta
    FROM usage_hourly WHERE hour_start >= ?1 AND hour_start < ?2 GROUP BY 1, 2
), days AS (
    SELECT * FROM usage_daily WHERE day >= date(?1 / 1000, 'unixepoch') AND day < date(?2 / 1000, 'unixepoch')
)
SELECT count(*) FROM hours FULL JOIN days ON hours.tenant_id = days.tenant_id AND hours.day = days.day
WHERE (hours.requests, hours.api_calls, hours.search_queries, hours.memories_created, hours.storage_bytes_delta)
    IS NOT (days.requests, days.api_calls, days.search_queries, days.memories_created, days.storage_bytes_delta)";

pub(super) fn report(
    deed: &WriteTransaction<'_>,
    node: &str,
    hours: &[NodeHour],
) -> Result<(), ControlError> {
    let mut replace = deed.tx().prepare_cached(
        "INSERT OR REPLACE INTO usage_node_hours (node, hour_start, requests, api_calls, search_queries, memories_created,
            storage_bytes_delta, sent_requests, sent_api_calls, sent_search_queries, sent_memories_created,
            sent_storage_bytes_delta, reported_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for NodeHour { hour_start, served, sent } in hours {
        let (a, b) = (served.counters, sent.counters);
        replace.execute(params![
            node,
            hour_start.as_millisecond(),
            signed(served.requests),
            signed(a.api_calls),
            signed(a.search_queries),
            signed(a.memories_created),
            a.storage_bytes_delta,
            signed(sent.requests),
            signed(b.api_calls),
            signed(b.search_queries),
            signed(b.memories_created),
            b.storage_bytes_delta,
            deed.now().as_millisecond(),
        ])?;
    }
    Ok(())
}

pub(super) fn reconcile(
    reader: &Connection,
    from: Timestamp,
    to: Timestamp,
) -> Result<Reconciliation, ControlError> {
    // One snapshot for all questions.
    let reader = reader.unchecked_transaction()?;
    let open_from = usage_retention::sqlite::closed_through(&reader)?.map(usage_retention::end_of);
    let from = open_from.map_or(from, |open| from.max(open));
    let mut statement = reader.prepare_cached(RECONCILE)?;
    let rows = statement.query_map(params![from.as_millisecond(), to.as_millisecond(), HOUR_MS], hour)?;
    let hours = rows.collect::<rusqlite::Result<_>>()?;
    // Whole days only; a roll-up of part of a day says nothing about the day.
    let (first, last) = (usage_retention::day_start(from), usage_retention::day_start_after(to));
    let days_differing: i64 = reader
        .prepare_cached(DAYS_DIFFERING)?
        .query_row(params![first.as_millisecond(), last.as_millisecond()], |row| row.get(0))?;
    Ok(Reconciliation { hours, days_differing: u64::try_from(days_differing).unwrap_or(0) })
}

fn hour(row: &Row<'_>) -> rusqlite::Result<ReconciledHour> {
    let side = |name: &str| -> rusqlite::Result<UsageSum> {
        let count = |column: &str| -> rusqlite::Result<i64> {
            let value: Option<i64> = row.get(format!("{name}_{column}").as_str())?;
            Ok(value.unwrap_or(0))
        };
        let positive =
            |column: &str| -> rusqlite::Result<u64> { Ok(u64::try_from(count(column)?).unwrap_or(0)) };
        Ok(UsageSum {
            requests: positive("requests")?,
            counters: Counters {
                api_calls: positive("api_calls")?,
                search_queries: positive("search_queries")?,
                memories_created: positive("memories_created")?,
                storage_bytes_delta: count("storage_bytes_delta")?,
            },
        })
    };
    let or_none = |column: &str| -> rusqlite::Result<u64> {
        let value: Option<i64> = row.get(column)?;
        Ok(u64::try_from(value.unwrap_or(0)).unwrap_or(0))
    };
    Ok(ReconciledHour {
        hour_start: timestamp(row, "hour")?,
        nodes: or_none("nodes")?,
        told_at: timestamp_or_null(row, "told_at")?,
        served: side("served")?,
        sent: side("sent")?,
        ledger: side("ledger")?,
        rolled_up: side("rolled")?,
        tenants_differing: or_none("tenants_differing")?,
    })
}
