//! How fast the ledger takes events; for a machine that has nothing else to do.

use std::sync::Arc;
use std::time::Instant;

use tenancy::{Counters, RequestId, TenantId, UsageEvent};
use testkit::postgres::Server;

use crate::{START_MS, plane_on};

const BATCH: usize = 1_000;
const BATCHES: usize = 100;
const TENANTS: usize = 50;
const EVENTS_PER_SECOND_MIN: f64 = 20_000.0;

#[tokio::test]
#[ignore = "a measurement: run it alone, with --run-ignored only"]
async fn one_flusher_sends_twenty_thousand_events_a_second() {
    let server = Arc::new(Server::start());
    let plane = plane_on(&server, "ledger").await;
    let at = |ms: i64| jiff::Timestamp::from_millisecond(START_MS + ms).unwrap();
    let tenants: Vec<_> = (0..TENANTS).map(|_| TenantId::from_uuid(RequestId::at(at(0)).as_uuid())).collect();
    let event = |n: usize| UsageEvent {
        request_id: RequestId::at(at(n as i64)),
        tenant_id: tenants[n % TENANTS].clone(),
        workspace: Some("default".to_owned()),
        route: "create_memory".to_owned(),
        status: 201,
        counters: Counters { api_calls: 1, search_queries: 0, memories_created: 1, storage_bytes_delta: 500 },
        occurred_at: at(n as i64),
    };
    let batches: Vec<Vec<_>> =
        (0..BATCHES).map(|batch| (0..BATCH).map(|n| event(batch * BATCH + n)).collect()).collect();
    let started = Instant::now();
    for batch in batches {
        assert_eq!(plane.control.record_usage(batch).await.unwrap().inserted, BATCH as u64);
    }
    let rate = (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64();
    assert!(rate >= EVENTS_PER_SECOND_MIN, "{rate:.0} events/s");
}
