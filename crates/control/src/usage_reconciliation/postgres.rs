//! Reconciliation in PostgreSQL.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tenancy::{Counters, NodeHour, UsageSum};
use tokio_postgres::Row;

use super::{ReconciledHour, Reconciliation};
use crate::postgres::{Answer, WriteTransaction, signed};
use crate::usage_retention;

/// Single events by tenant and hour beside the hourly rows, then both summed by hour beside what nodes told; and the
/// daily sums that are not the sum of their hours. One statement, so one snapshot.
const RECONCILE: &str = "
WITH raw AS (
    SELECT tenant_id, date_bin('1 hour', occurred_at, 'epoch') AS hour_start, count(*)::bigint AS requests,
        sum(api_calls)::bigint AS api_calls, sum(search_queries)::bigint AS search_queries,
        sum(memories_created)::bigint AS memories_created, sum(storage_bytes_delta)::bigint AS storage_bytes_delta
    FROM usage_events WHERE occurred_at >= $1 AND occurred_at < $2 GROUP BY 1, 2
), rolled AS (
    SELECT * FROM usage_hourly WHERE hour_start >= $1 AND hour_start < $2
), both_sides AS (
    SELECT coalesce(raw.hour_start, rolled.hour_start) AS hour_start,
        sum(raw.requests)::bigint AS ledger_requests, sum(raw.api_calls)::bigint AS ledger_api_calls,
        sum(raw.search_queries)::bigint AS ledger_search_queries,
        sum(raw.memories_created)::bigint AS ledger_memories_created,
        sum(raw.storage_bytes_delta)::bigint AS ledger_storage_bytes_delta,
        sum(rolled.requests)::bigint AS rolled_requests, sum(rolled.api_calls)::bigint AS rolled_api_calls,
        sum(rolled.search_queries)::bigint AS rolled_search_queries,
        sum(rolled.memories_created)::bigint AS rolled_memories_created,
        sum(rolled.storage_bytes_delta)::bigint AS rolled_storage_bytes_delta,
        count(*) FILTER (WHERE (raw.requests, raw.api_calls, raw.search_queries, raw.memories_created,
            raw.storage_bytes_delta) IS DISTINCT FROM (rolled.requests, rolled.api_calls, rolled.search_queries,
            rolled.memories_created, rolled.storage_bytes_delta)) AS tenants_differing
    FROM raw FULL JOIN rolled ON raw.tenant_id = rolled.tenant_id AND raw.hour_start = rolled.hour_start
    GROUP BY 1
), told AS (
    SELECT hour_start, count(*) AS nodes, min(reported_at) AS told_at, sum(requests)::bigint AS served_requests,
        sum(api_calls)::bigint AS served_api_calls, sum(search_queries)::bigint AS served_search_queries,
        sum(memories_created)::bigint AS served_memories_created,
        sum(storage_bytes_delta)::bigint AS served_storage_bytes_delta, sum(sent_requests)::bigint AS sent_requests,
        sum(sent_api_calls)::bigint AS sent_api_calls, sum(sent_search_queries)::bigint AS sent_search_queries,
        sum(sent_memories_created)::bigint AS sent_memories_created,
        sum(sent_storage_bytes_delta)::bigint AS sent_storage_bytes_delta
    FROM usage_node_hours WHERE hour_start >= $1 AND hour_start < $2 GROUP BY 1
), hours AS (
    SELECT tenant_id, (hour_start AT TIME ZONE 'UTC')::date AS day, sum(requests)::bigint AS requests,
        sum(api_calls)::bigint AS api_calls, sum(search_queries)::bigint AS search_queries,
        sum(memories_created)::bigint AS memories_created, sum(storage_bytes_delta)::bigint AS storage_bytes_delta
    FROM usage_hourly WHERE hour_start >= $3 AND hour_start < $4 GROUP BY 1, 2
), days AS (
    SELECT * FROM usage_daily
    WHERE day >= ($3 AT TIME ZONE 'UTC')::date AND day < ($4 AT TIME ZONE 'UTC')::date
), differing AS (
    SELECT count(*) AS days_differing
    FROM hours FULL JOIN days ON hours.tenant_id = days.tenant_id AND hours.day = days.day
    WHERE (hours.requests, hours.api_calls, hours.search_queries, hours.memories_created, hours.storage_bytes_delta)
        IS DISTINCT FROM (days.requests, days.api_calls, days.search_queries, days.memories_created,
            days.storage_bytes_delta)
)
SELECT coalesce(told.hour_start, both_sides.hour_start) AS hour, told.nodes, told.told_at, told.served_requests,
    told.served_api_calls, told.served_search_queries, told.served_memories_created,
    told.served_storage_bytes_delta, told.sent_requests, told.sent_api_calls, told.sent_search_queries,
    told.sent_memories_created, told.sent_storage_bytes_delta, both_sides.*, differing.days_differing
FROM differing LEFT JOIN (told FULL JOIN both_sides ON told.hour_start = both_sides.hour_start) ON true
ORDER BY 1";

pub(super) async fn report(deed: &WriteTransaction<'_>, node: &str, hours: &[NodeHour]) -> Answer<()> {
    let replace = deed
        .tx()
        .prepare_cached(
            "INSERT INTO usage_node_hours (node, hour_start, requests, api_calls, search_queries, memories_created,
                storage_bytes_delta, sent_requests, sent_api_calls, sent_search_queries, sent_memories_created,
                sent_storage_bytes_delta, reported_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (hour_start, node) DO UPDATE SET
                 requests = excluded.requests, api_calls = excluded.api_calls,
                 search_queries = excluded.search_queries, memories_created = excluded.memories_created,
                 storage_bytes_delta = excluded.storage_bytes_delta, sent_requests = excluded.sent_requests,
                 sent_api_calls = excluded.sent_api_calls, sent_search_queries = excluded.sent_search_queries,
                 sent_memories_created = excluded.sent_memories_created,
                 sent_storage_bytes_delta = excluded.sent_storage_bytes_delta, reported_at = excluded.reported_at",
        )
        .await?;
    for NodeHour { hour_start, served, sent } in hours {
        let [served, sent] = [served, sent].map(|sum| {
            let c = sum.counters;
            let counts = [sum.requests, c.api_calls, c.search_queries, c.memories_created].map(signed);
            (counts, c.storage_bytes_delta)
        });
        let ([a, b, c, d], e) = served;
        let ([f, g, h, i], j) = sent;
        deed.tx()
            .execute(&replace, &[&node, hour_start, &a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &deed.now()])
            .await?;
    }
    Ok(())
}

pub(super) async fn reconcile(
    reader: &impl GenericClient,
    from: Timestamp,
    to: Timestamp,
) -> Answer<Reconciliation> {
    let open_from = usage_retention::postgres::closed_through(reader).await?.map(usage_retention::end_of);
    let from = open_from.map_or(from, |open| from.max(open));
    // Whole days only; a roll-up of part of a day says nothing about the day.
    let (first, last) = (usage_retention::day_start(from), usage_retention::day_start_after(to));
    let statement = reader.prepare_cached(RECONCILE).await?;
    let rows = reader.query(&statement, &[&from, &to, &first, &last]).await?;
    let days_differing = match rows.first() {
        Some(row) => count(row, "days_differing")?,
        None => 0,
    };
    // Without any hour, one row tells of the days alone.
    let with_hour = rows.iter().filter(|row| !matches!(row.try_get("hour"), Ok(None::<Timestamp>)));
    Ok(Reconciliation { hours: with_hour.map(hour).collect::<Answer<_>>()?, days_differing })
}

fn hour(row: &Row) -> Answer<ReconciledHour> {
    let side = |name: &str| -> Answer<UsageSum> {
        let column = |column: &str| format!("{name}_{column}");
        let bytes: Option<i64> = row.try_get(column("storage_bytes_delta").as_str())?;
        Ok(UsageSum {
            requests: count(row, &column("requests"))?,
            counters: Counters {
                api_calls: count(row, &column("api_calls"))?,
                search_queries: count(row, &column("search_queries"))?,
                memories_created: count(row, &column("memories_created"))?,
                storage_bytes_delta: bytes.unwrap_or(0),
            },
        })
    };
    Ok(ReconciledHour {
        hour_start: row.try_get("hour")?,
        nodes: count(row, "nodes")?,
        told_at: row.try_get("told_at")?,
        served: side("served")?,
        sent: side("sent")?,
        ledger: side("ledger")?,
        rolled_up: side("rolled")?,
        tenants_differing: count(row, "tenants_differing")?,
    })
}

/// A count of a side that may be absent.
fn count(row: &Row, column: &str) -> Answer<u64> {
    let value: Option<i64> = row.try_get(column)?;
    Ok(u64::try_from(value.unwrap_or(0)).unwrap_or(0))
}
