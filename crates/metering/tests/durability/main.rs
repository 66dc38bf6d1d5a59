//! What happens to usage events when things go wrong: crashes, damage, a ledger that is away, a full disk.

mod bounds;
mod clock_steps;
mod damage;
mod full_disk;
mod hours;
mod kill_nine;
mod ledger_trouble;

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use control::{Conflict, ControlError, Recorded};
use jiff::Timestamp;
use metering::{Ledger, Meter, MeterOptions};
use std::sync::Mutex;
use stdx::clock::ManualClock;
use tenancy::{Counters, RequestId, TenantId, UsageEvent};

/// 2026-11-23T10:00:00Z.
const START_MS: i64 = 1_795_428_000_000;

/// A ledger in memory that can be away.
#[derive(Default)]
struct FakeLedger {
    state: Mutex<FakeState>,
}

#[derive(Default)]
struct FakeState {
    events: BTreeMap<String, UsageEvent>,
    duplicates: usize,
    calls: usize,
    away: Away,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Away {
    #[default]
    No,
    /// Refuses before anything is recorded.
    Refusing,
    /// Records, and then fails to say so.
    ForgettingToAnswer,
    /// Answers after a while.
    Slow,
    /// Never answers.
    Hanging,
}

/// How long a slow ledger takes for a batch.
const SLOW: Duration = Duration::from_millis(400);

impl FakeLedger {
    fn set(&self, away: Away) {
        self.state.lock().unwrap().away = away;
    }

    fn len(&self) -> usize {
        self.state.lock().unwrap().events.len()
    }

    fn duplicates(&self) -> usize {
        self.state.lock().unwrap().duplicates
    }

    fn holds(&self, events: &[UsageEvent]) -> bool {
        let state = self.state.lock().unwrap();
        events.iter().all(|e| state.events.get(&e.request_id.to_string()) == Some(e))
    }

    fn take(&self, events: Vec<UsageEvent>) -> (Away, Result<Recorded, ControlError>) {
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        let unavailable = || Err(ControlError::Unavailable("on purpose".to_owned()));
        if state.away == Away::Refusing {
            return (state.away, unavailable());
        }
        let mut recorded = Recorded::default();
        for offered in events {
            let Some(stored) = state.events.get(&offered.request_id.to_string()).cloned() else {
                recorded.inserted += 1;
                state.events.insert(offered.request_id.to_string(), offered);
                continue;
            };
            if stored == offered {
                recorded.duplicates += 1;
                state.duplicates += 1;
            } else {
                recorded.conflicting.push(Conflict { stored, offered });
            }
        }
        match state.away {
            Away::ForgettingToAnswer => (state.away, unavailable()),
            Away::No | Away::Refusing | Away::Slow | Away::Hanging => (state.away, Ok(recorded)),
        }
    }
}

impl Ledger for FakeLedger {
    fn record_usage<'a>(
        &'a self,
        events: Vec<UsageEvent>,
    ) -> Pin<Box<dyn Future<Output = Result<Recorded, ControlError>> + Send + 'a>> {
        let (away, answer) = self.take(events);
        Box::pin(async move {
            match away {
                Away::Slow => tokio::time::sleep(SLOW).await,
                Away::Hanging => std::future::pending().await,
                Away::No | Away::Refusing | Away::ForgettingToAnswer => {}
            }
            answer
        })
    }
}

fn clock() -> Arc<ManualClock> {
    ManualClock::at(Timestamp::from_millisecond(START_MS).unwrap())
}

fn open(folder: &Path, ledger: &Arc<FakeLedger>, options: MeterOptions) -> Arc<Meter> {
    Meter::open(folder, ledger.clone(), options, clock()).unwrap()
}

fn somebody() -> TenantId {
    TenantId::from_uuid(RequestId::at(Timestamp::UNIX_EPOCH).as_uuid())
}

fn event(tenant: &TenantId) -> UsageEvent {
    event_at(tenant, START_MS)
}

fn event_at(tenant: &TenantId, at_ms: i64) -> UsageEvent {
    let occurred_at = Timestamp::from_millisecond(at_ms).unwrap();
    UsageEvent {
        request_id: RequestId::at(occurred_at),
        tenant_id: tenant.clone(),
        workspace: None,
        route: "create_memory".to_owned(),
        status: 201,
        counters: Counters { api_calls: 1, search_queries: 0, memories_created: 1, storage_bytes_delta: 40 },
        occurred_at,
    }
}

fn record_many(meter: &Meter, tenant: &TenantId, count: usize) -> Vec<UsageEvent> {
    let events: Vec<_> = (0..count).map(|_| event(tenant)).collect();
    for event in &events {
        meter.record(event);
    }
    events
}

async fn drain(meter: &Meter) -> u64 {
    meter.drain(Duration::from_secs(5)).await
}
