//! Retention of usage events in SQLite.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, params};

use super::{EVENTS_PER_STEP, PruneStep, end_of, start_of};
use crate::sqlite::WriteTransaction;
use crate::{ControlError, UsageDay};

/// Tenants whose day differs between single events and daily sums, and the day's number of single events.
const COMPARE: &str = "
WITH raw AS (
    SELECT tenant_id, count(*) AS requests, sum(api_calls) AS api_calls, sum(search_queries) AS search_queries,
        sum(memories_created) AS memories_created, sum(storage_bytes_delta) AS storage_bytes_delta
    FROM usage_events WHERE occurred_at >= ?1 AND occurred_at < ?2 GROUP BY 1
), days AS (SELECT * FROM usage_daily WHERE day = ?3)
SELECT coalesce(sum((raw.requests, raw.api_calls, raw.search_queries, raw.memories_created, raw.storage_bytes_delta)
        IS NOT (days.requests, days.api_calls, days.search_queries, days.memories_created,
            days.storage_bytes_delta)), 0),
    coalesce(sum(raw.requests), 0)
FROM raw FULL JOIN days ON raw.tenant_id = days.tenant_id";

/// The newest day that is closed; all before it are.
pub(crate) fn closed_through(reader: &Connection) -> Result<Option<Date>, ControlError> {
    let mut newest = reader.prepare_cached("SELECT max(day) FROM usage_closed_days")?;
    let day: Option<String> = newest.query_row([], |row| row.get(0))?;
    day.map(|day| day.parse())
        .transpose()
        .map_err(|error| ControlError::Unavailable(format!("column day: {error}")))
}

pub(super) fn prune(deed: &WriteTransaction<'_>, before: Date) -> Result<PruneStep, ControlError> {
    let tx = deed.tx();
    let mut oldest = tx.prepare_cached("SELECT min(occurred_at) FROM usage_events")?;
    let oldest: Option<i64> = oldest.query_row([], |row| row.get(0))?;
    let Some(oldest) = oldest.and_then(|ms| Timestamp::from_millisecond(ms).ok()) else {
        return Ok(PruneStep::Done);
    };
    let day = UsageDay::day_of(oldest);
    if day >= before {
        return Ok(PruneStep::Done);
    }
    let (from, to) = (start_of(day).as_millisecond(), end_of(day).as_millisecond());
    if closed_through(tx)?.is_some_and(|closed| day <= closed) {
        let removed = tx
            .prepare_cached(
                "DELETE FROM usage_events WHERE request_id IN
                     (SELECT request_id FROM usage_events WHERE occurred_at >= ?1 AND occurred_at < ?2 LIMIT ?3)",
            )?
            .execute([from, to, EVENTS_PER_STEP])?;
        return Ok(PruneStep::Removed { day, events: removed as u64 });
    }
    let (differing, events): (i64, i64) = tx
        .prepare_cached(COMPARE)?
        .query_row(params![from, to, day.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if differing > 0 {
        return Ok(PruneStep::Differs { day, tenants: differing.unsigned_abs() });
    }
    tx.prepare_cached("INSERT INTO usage_closed_days (day, events, closed_at) VALUES (?1, ?2, ?3)")?
        .execute(params![day.to_string(), events, deed.now().as_millisecond()])?;
    Ok(PruneStep::Closed { day, events: events.unsigned_abs() })
}
