//! The usage ledger: each request once, on its own day.

use control::{Control, Recorded};
use jiff::Timestamp;
use jiff::civil::date;
use tenancy::{Counters, RequestId, TenantId, UsageEvent};

use crate::{Plane, START_MS, contract};

contract! {
    a_batch_sent_twice_counts_once,
    of_two_events_under_one_id_the_first_stands_and_both_are_told,
    an_event_counts_on_the_day_it_happened_however_late_it_comes,
    the_roll_ups_equal_the_raw_rows,
    flushers_at_once_count_every_event_once,
}

pub(crate) fn event(tenant: &TenantId, at_ms: i64) -> UsageEvent {
    let occurred_at = Timestamp::from_millisecond(at_ms).unwrap();
    UsageEvent {
        request_id: RequestId::at(occurred_at),
        tenant_id: tenant.clone(),
        workspace: Some("default".to_owned()),
        route: "create_memory".to_owned(),
        status: 201,
        counters: Counters { api_calls: 1, search_queries: 0, memories_created: 2, storage_bytes_delta: -5 },
        occurred_at,
    }
}

pub(crate) fn somebody() -> TenantId {
    TenantId::from_uuid(RequestId::at(Timestamp::UNIX_EPOCH).as_uuid())
}

pub(crate) async fn days(control: &Control, tenant: &TenantId) -> Vec<String> {
    let days = control.usage_by_day(tenant, date(1970, 1, 1), date(2100, 1, 1)).await.unwrap();
    days.into_iter().map(|d| format!("{} {} {}", d.day, d.requests, d.counters.memories_created)).collect()
}

async fn a_batch_sent_twice_counts_once(plane: Plane) {
    let tenant = somebody();
    let batch: Vec<_> = (0..100).map(|n| event(&tenant, START_MS + n)).collect();
    let first = plane.control.record_usage(batch.clone()).await.unwrap();
    let second = plane.control.record_usage(batch.clone()).await.unwrap();
    assert_eq!(first, Recorded { inserted: 100, ..Recorded::default() });
    assert_eq!(second, Recorded { duplicates: 100, ..Recorded::default() });
    assert_eq!(days(&plane.control, &tenant).await, ["2026-11-23 100 200"]);
    assert_eq!(plane.control.usage_event(batch[7].request_id).await.unwrap().as_ref(), Some(&batch[7]));
}

async fn of_two_events_under_one_id_the_first_stands_and_both_are_told(plane: Plane) {
    let stored = event(&somebody(), START_MS);
    let mut offered = stored.clone();
    offered.counters.memories_created = 900;
    let recorded =
        plane.control.record_usage(vec![stored.clone(), stored.clone(), offered.clone()]).await.unwrap();
    assert_eq!((recorded.inserted, recorded.duplicates), (1, 1));
    assert_eq!(recorded.conflicting.len(), 1);
    assert_eq!((&recorded.conflicting[0].stored, &recorded.conflicting[0].offered), (&stored, &offered));
    assert_eq!(days(&plane.control, &stored.tenant_id).await, ["2026-11-23 1 2"]);
}

async fn an_event_counts_on_the_day_it_happened_however_late_it_comes(plane: Plane) {
    let tenant = somebody();
    let midnight_ms = date(2026, 12, 1).in_tz("UTC").unwrap().timestamp().as_millisecond();
    let events = [0, -1, 1, -86_400_001].map(|ms| event(&tenant, midnight_ms + ms));
    plane.control.record_usage(events.to_vec()).await.unwrap();
    assert_eq!(days(&plane.control, &tenant).await, ["2026-11-29 1 2", "2026-11-30 1 2", "2026-12-01 2 4"]);
}

async fn the_roll_ups_equal_the_raw_rows(plane: Plane) {
    for tenant in [somebody(), somebody()] {
        let batch: Vec<_> = (0..200).map(|n| event(&tenant, START_MS + n * 997_331)).collect();
        plane.control.record_usage(batch).await.unwrap();
    }
    let total = |table: &str, requests: &str| {
        let sums = ["memories_created", "storage_bytes_delta"].map(|column| format!("sum({column})"));
        plane.query(&format!("SELECT sum({requests}) || ' ' || {} FROM {table}", sums.join(" || ' ' || ")))
    };
    assert_eq!(total("usage_events", "1"), "400 800 -2000");
    assert_eq!(total("usage_hourly", "requests"), "400 800 -2000");
    assert_eq!(total("usage_daily", "requests"), "400 800 -2000");
}

async fn flushers_at_once_count_every_event_once(plane: Plane) {
    let tenants = [somebody(), somebody(), somebody()];
    let events: Vec<_> = (0..600)
        .map(|n| event(&tenants[n % tenants.len()], START_MS + i64::try_from(n).unwrap() * 997_331))
        .collect();
    // Each sends all of them, in an order of its own.
    let batches = (0..4).map(|flusher| {
        let mut batch = events.clone();
        batch.rotate_left(flusher * 150);
        if flusher % 2 == 1 {
            batch.reverse();
        }
        plane.control.record_usage(batch)
    });
    let recorded = futures::future::try_join_all(batches).await.unwrap();
    assert_eq!(recorded.iter().map(|r| r.inserted).sum::<u64>(), 600);
    assert_eq!(recorded.iter().map(|r| r.duplicates).sum::<u64>(), 1_800);
    for table in ["usage_hourly", "usage_daily"] {
        assert_eq!(plane.query(&format!("SELECT CAST(sum(requests) AS text) FROM {table}")), "600");
    }
}
