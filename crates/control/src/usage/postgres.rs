//! The usage ledger in PostgreSQL: one statement a batch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use jiff::civil::Date;
use tenancy::{Counters, RequestId, TenantId, UsageEvent, UsageSum};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Conflict, Recorded, UsageDay, UsageEventsQuery, UsageHour};
use crate::postgres::{Answer, parsed, signed, unsigned};
use crate::usage_retention;

/// Inserts what is new and rolls up exactly that. Hours and days are visited in one order, so that two flushers at
/// once wait for each other and never deadlock.
const RECORD: &str = "
WITH fresh AS (
    INSERT INTO usage_events (request_id, tenant_id, workspace, route, status_code, api_calls, search_queries,
        memories_created, storage_bytes_delta, occurred_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::timestamptz[])
    ORDER BY 1
    ON CONFLICT DO NOTHING
    RETURNING *
), hours AS (
    INSERT INTO usage_hourly AS total (tenant_id, hour_start, requests, api_calls, search_queries,
        memories_created, storage_bytes_delta)
    SELECT tenant_id, date_bin('1 hour', occurred_at, 'epoch'), count(*), sum(api_calls), sum(search_queries),
        sum(memories_created), sum(storage_bytes_delta)
    FROM fresh GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (tenant_id, hour_start) DO UPDATE SET
        requests = total.requests + excluded.requests,
        api_calls = total.api_calls + excluded.api_calls,
        search_queries = total.search_queries + excluded.search_queries,
        memories_created = total.memories_created + excluded.memories_created,
        storage_bytes_delta = total.storage_bytes_delta + excluded.storage_bytes_delta
), days AS (
    INSERT INTO usage_daily AS total (tenant_id, day, requests, api_calls, search_queries, memories_created,
        storage_bytes_delta)
    SELECT tenant_id, (occurred_at AT TIME ZONE 'UTC')::date, count(*), sum(api_calls), sum(search_queries),
        sum(memories_created), sum(storage_bytes_delta)
    FROM fresh GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (tenant_id, day) DO UPDATE SET
        requests = total.requests + excluded.requests,
        api_calls = total.api_calls + excluded.api_calls,
        search_queries = total.search_queries + excluded.search_queries,
        memories_created = total.memories_created + excluded.memories_created,
        storage_bytes_delta = total.storage_bytes_delta + excluded.storage_bytes_delta
)
SELECT request_id FROM fresh";

/// The columns of a batch.
#[derive(Default)]
struct Columns<'a> {
    request_ids: Vec<Uuid>,
    tenants: Vec<&'a str>,
    workspaces: Vec<Option<&'a str>>,
    routes: Vec<&'a str>,
    statuses: Vec<i32>,
    api_calls: Vec<i64>,
    search_queries: Vec<i64>,
    memories_created: Vec<i64>,
    storage_bytes_deltas: Vec<i64>,
    times: Vec<Timestamp>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, event: &'a UsageEvent) {
        self.request_ids.push(event.request_id.as_uuid());
        self.tenants.push(event.tenant_id.as_str());
        self.workspaces.push(event.workspace.as_deref());
        self.routes.push(&event.route);
        self.statuses.push(i32::from(event.status));
        self.api_calls.push(signed(event.counters.api_calls));
        self.search_queries.push(signed(event.counters.search_queries));
        self.memories_created.push(signed(event.counters.memories_created));
        self.storage_bytes_deltas.push(event.counters.storage_bytes_delta);
        self.times.push(event.occurred_at);
    }
}

pub(super) async fn record(tx: &impl GenericClient, events: &[UsageEvent]) -> Answer<Recorded> {
    // An id that is twice in the batch is offered once here and looked at with the others that were known.
    let mut offered: HashMap<Uuid, &UsageEvent> = HashMap::with_capacity(events.len());
    let (mut columns, mut again) = (Columns::default(), Vec::new());
    let mut recorded = Recorded::default();
    let open_from = usage_retention::postgres::closed_through(tx).await?.map(usage_retention::end_of);
    for event in events {
        if open_from.is_some_and(|open| event.occurred_at < open) {
            keep_aside(tx, event).await?;
            recorded.late.push(event.clone());
            continue;
        }
        match offered.entry(event.request_id.as_uuid()) {
            Entry::Vacant(place) => {
                place.insert(event);
                columns.push(event);
            }
            Entry::Occupied(_) => again.push(event),
        }
    }
    let statement = tx.prepare_cached(RECORD).await?;
    let inserted = tx
        .query(
            &statement,
            &[
                &columns.request_ids,
                &columns.tenants,
                &columns.workspaces,
                &columns.routes,
                &columns.statuses,
                &columns.api_calls,
                &columns.search_queries,
                &columns.memories_created,
                &columns.storage_bytes_deltas,
                &columns.times,
            ],
        )
        .await?;
    for row in &inserted {
        offered.remove(&row.try_get::<_, Uuid>(0)?);
    }
    let known: Vec<&UsageEvent> = offered.into_values().chain(again).collect();
    recorded.inserted = inserted.len() as u64;
    if known.is_empty() {
        return Ok(recorded);
    }
    let stored = stored_events(tx, &known).await?;
    for event in known {
        match stored.get(&event.request_id.as_uuid()) {
            Some(stored) if stored != event => {
                recorded.conflicting.push(Conflict { stored: stored.clone(), offered: event.clone() });
            }
            Some(_) | None => recorded.duplicates += 1,
        }
    }
    Ok(recorded)
}

pub(crate) async fn by_day(
    reader: &impl GenericClient,
    tenant: &TenantId,
    first: Date,
    last: Date,
) -> Answer<Vec<UsageDay>> {
    let days = reader
        .prepare_cached(
            "SELECT day, sum(requests)::bigint AS requests, sum(api_calls)::bigint AS api_calls,
                 sum(search_queries)::bigint AS search_queries, sum(memories_created)::bigint AS memories_created,
                 sum(storage_bytes_delta)::bigint AS storage_bytes_delta
             FROM (
                 SELECT day, requests, api_calls, search_queries, memories_created, storage_bytes_delta
                 FROM usage_daily WHERE tenant_id = $1 AND day BETWEEN $2 AND $3
                 UNION ALL
                 SELECT day, 0, api_calls, search_queries, memories_created, storage_bytes_delta
                 FROM usage_adjustments WHERE tenant_id = $1 AND day BETWEEN $2 AND $3
             ) AS all_rows GROUP BY day ORDER BY day",
        )
        .await?;
    reader.query(&days, &[&tenant.as_str(), &first, &last]).await?.iter().map(usage_day).collect()
}

/// Keeps an event of a closed day where a person finds it.
async fn keep_aside(tx: &impl GenericClient, event: &UsageEvent) -> Answer<()> {
    let insert = tx
        .prepare_cached(
            "INSERT INTO usage_late_events (request_id, tenant_id, workspace, route, status_code, api_calls,
                 search_queries, memories_created, storage_bytes_delta, occurred_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        )
        .await?;
    let c = event.counters;
    tx.execute(
        &insert,
        &[
            &event.request_id.as_uuid(),
            &event.tenant_id.as_str(),
            &event.workspace,
            &event.route,
            &i32::from(event.status),
            &signed(c.api_calls),
            &signed(c.search_queries),
            &signed(c.memories_created),
            &c.storage_bytes_delta,
            &event.occurred_at,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn by_hour(
    reader: &impl GenericClient,
    tenant: &TenantId,
    from: Timestamp,
    to: Timestamp,
) -> Answer<Vec<UsageHour>> {
    let hours = reader
        .prepare_cached(
            "SELECT * FROM usage_hourly WHERE tenant_id = $1 AND hour_start >= $2 AND hour_start < $3
             ORDER BY hour_start",
        )
        .await?;
    let usage_hour = |row: &Row| {
        let sum = UsageSum { requests: unsigned(row, "requests")?, counters: counters(row)? };
        Ok(UsageHour { hour_start: row.try_get("hour_start")?, sum })
    };
    reader.query(&hours, &[&tenant.as_str(), &from, &to]).await?.iter().map(usage_hour).collect()
}

pub(super) async fn events(reader: &impl GenericClient, query: &UsageEventsQuery) -> Answer<Vec<UsageEvent>> {
    let UsageEventsQuery { tenant, from, to, after, limit } = query;
    // The id of no event sorts before all others of its moment.
    let (after_at, after_id) = after.map_or((*from, Uuid::nil()), |(at, id)| (at, id.as_uuid()));
    let page = reader
        .prepare_cached(
            "SELECT * FROM usage_events
             WHERE occurred_at >= $1 AND occurred_at < $2 AND (occurred_at, request_id) > ($3, $4)
                 AND ($5::text IS NULL OR tenant_id = $5)
             ORDER BY occurred_at, request_id LIMIT $6",
        )
        .await?;
    let tenant = tenant.as_ref().map(TenantId::as_str);
    let rows = reader.query(&page, &[from, to, &after_at, &after_id, &tenant, &i64::from(*limit)]).await?;
    rows.iter().map(usage_event).collect()
}

pub(super) async fn stored_event(reader: &impl GenericClient, id: RequestId) -> Answer<Option<UsageEvent>> {
    let one = reader.prepare_cached("SELECT * FROM usage_events WHERE request_id = $1").await?;
    reader.query_opt(&one, &[&id.as_uuid()]).await?.as_ref().map(usage_event).transpose()
}

async fn stored_events(tx: &impl GenericClient, known: &[&UsageEvent]) -> Answer<HashMap<Uuid, UsageEvent>> {
    let ids: Vec<Uuid> = known.iter().map(|event| event.request_id.as_uuid()).collect();
    let some = tx.prepare_cached("SELECT * FROM usage_events WHERE request_id = ANY($1)").await?;
    let rows = tx.query(&some, &[&ids]).await?;
    rows.iter().map(|row| Ok((row.try_get("request_id")?, usage_event(row)?))).collect()
}

fn usage_event(row: &Row) -> Answer<UsageEvent> {
    Ok(UsageEvent {
        request_id: RequestId::from_uuid(row.try_get("request_id")?),
        tenant_id: parsed(row, "tenant_id", TenantId::parse)?,
        workspace: row.try_get("workspace")?,
        route: row.try_get("route")?,
        status: parsed(row, "status_code", |status: i32| u16::try_from(status))?,
        counters: counters(row)?,
        occurred_at: row.try_get("occurred_at")?,
    })
}

fn usage_day(row: &Row) -> Answer<UsageDay> {
    Ok(UsageDay { day: row.try_get("day")?, requests: unsigned(row, "requests")?, counters: counters(row)? })
}

fn counters(row: &Row) -> Answer<Counters> {
    Ok(Counters {
        api_calls: unsigned(row, "api_calls")?,
        search_queries: unsigned(row, "search_queries")?,
        memories_created: unsigned(row, "memories_created")?,
        storage_bytes_delta: row.try_get("storage_bytes_delta")?,
    })
}
