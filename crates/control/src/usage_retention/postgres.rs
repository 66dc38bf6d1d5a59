//! Retention of usage events in PostgreSQL.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{EVENTS_PER_STEP, PruneStep, end_of, start_of};
use crate::UsageDay;
use crate::postgres::{Answer, WriteTransaction};

/// Tenants whose day differs between single events and daily sums, and the day's number of single events. One
/// statement, so one snapshot: an event that is committed meanwhile changes both sides or none.
const COMPARE: &str = "
WITH raw AS (
    SELECT tenant_id, count(*)::bigint AS requests, sum(api_calls)::bigint AS api_calls,
        sum(search_queries)::bigint AS search_queries, sum(memories_created)::bigint AS memories_created,
        sum(storage_bytes_delta)::bigint AS storage_bytes_delta
    FROM usage_events WHERE occurred_at >= $1 AND occurred_at < $2 GROUP BY 1
), days AS (SELECT * FROM usage_daily WHERE day = $3)
SELECT count(*) FILTER (WHERE (raw.requests, raw.api_calls, raw.search_queries, raw.memories_created,
        raw.storage_bytes_delta) IS DISTINCT FROM (days.requests, days.api_calls, days.search_queries,
        days.memories_created, days.storage_bytes_delta)),
    coalesce(sum(raw.requests), 0)::bigint
FROM raw FULL JOIN days ON raw.tenant_id = days.tenant_id";

/// The newest day that is closed; all before it are.
pub(crate) async fn closed_through(reader: &impl GenericClient) -> Answer<Option<Date>> {
    let newest = reader.prepare_cached("SELECT max(day) FROM usage_closed_days").await?;
    Ok(reader.query_one(&newest, &[]).await?.try_get(0)?)
}

pub(super) async fn prune(deed: &WriteTransaction<'_>, before: Date) -> Answer<PruneStep> {
    let tx = deed.tx();
    let oldest = tx.prepare_cached("SELECT min(occurred_at) FROM usage_events").await?;
    let oldest: Option<Timestamp> = tx.query_one(&oldest, &[]).await?.try_get(0)?;
    let Some(oldest) = oldest else { return Ok(PruneStep::Done) };
    let day = UsageDay::day_of(oldest);
    if day >= before {
        return Ok(PruneStep::Done);
    }
    let (from, to) = (start_of(day), end_of(day));
    if closed_through(tx).await?.is_some_and(|closed| day <= closed) {
        let remove = tx
            .prepare_cached(
                "DELETE FROM usage_events WHERE request_id IN
                     (SELECT request_id FROM usage_events WHERE occurred_at >= $1 AND occurred_at < $2 LIMIT $3)",
            )
            .await?;
        let events = tx.execute(&remove, &[&from, &to, &EVENTS_PER_STEP]).await?;
        return Ok(PruneStep::Removed { day, events });
    }
    let compare = tx.prepare_cached(COMPARE).await?;
    let row = tx.query_one(&compare, &[&from, &to, &day]).await?;
    let (differing, events): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if differing > 0 {
        return Ok(PruneStep::Differs { day, tenants: differing.unsigned_abs() });
    }
    // Two nodes at once: the second finds the day closed and goes on with its events.
    let close = tx
        .prepare_cached(
            "INSERT INTO usage_closed_days (day, events, closed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .await?;
    tx.execute(&close, &[&day, &events, &deed.now()]).await?;
    Ok(PruneStep::Closed { day, events: events.unsigned_abs() })
}
