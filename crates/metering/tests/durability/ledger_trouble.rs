//! A ledger that is away, slow or forgetful; two events under one id.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::date;
use metering::{DryRun, Meter, MeterOptions, Pressure};
use tenancy::Counters;

use crate::{Away, FakeLedger, SLOW, clock, drain, event, open, record_many, somebody};

fn quick() -> MeterOptions {
    MeterOptions { flush_every: Duration::from_millis(20), ..MeterOptions::default() }
}

async fn wait_until(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < Duration::from_secs(5), "waited too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn events_reach_the_ledger_by_themselves_and_the_sums_go_back_to_zero() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, quick());
    let _tasks = meter.start();
    let tenant = somebody();
    let events = record_many(&meter, &tenant, 300);
    wait_until(|| meter.depth() == 0).await;
    assert!(ledger.holds(&events));
    assert_eq!(ledger.len(), 300);
    assert_eq!(meter.unsent(&tenant), Counters::default());
    assert!(meter.unsent_by_day(&tenant).is_empty());
}

#[tokio::test]
async fn a_full_batch_does_not_wait_for_its_time() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let options =
        MeterOptions { flush_every: Duration::from_secs(3_600), flush_events: 50, ..MeterOptions::default() };
    let meter = open(folder.path(), &ledger, options);
    let _tasks = meter.start();
    tokio::task::yield_now().await;
    record_many(&meter, &somebody(), 49);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(ledger.len(), 0);
    record_many(&meter, &somebody(), 1);
    wait_until(|| ledger.len() == 50).await;
}

#[tokio::test]
async fn what_waits_is_seen_by_tenant_and_day_also_after_a_restart() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let (one, other) = (somebody(), somebody());
    let meter = open(folder.path(), &ledger, quick());
    record_many(&meter, &one, 3);
    record_many(&meter, &other, 1);
    drop(meter);
    let meter = open(folder.path(), &ledger, quick());
    let want = Counters { api_calls: 3, search_queries: 0, memories_created: 3, storage_bytes_delta: 120 };
    assert_eq!(meter.unsent(&one), want);
    let days = meter.unsent_by_day(&one);
    assert_eq!((days.len(), days[0].day, days[0].requests), (1, date(2026, 11, 23), 3));
    assert_eq!(meter.depth(), 4);
    assert_eq!(drain(&meter).await, 0);
    assert_eq!(meter.unsent(&other), Counters::default());
}

#[tokio::test]
async fn events_wait_while_the_ledger_is_away_and_arrive_when_it_is_back() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, quick());
    let _tasks = meter.start();
    ledger.set(Away::Refusing);
    let events = record_many(&meter, &somebody(), 20);
    wait_until(|| ledger.state.lock().unwrap().calls >= 2).await;
    assert_eq!((ledger.len(), meter.depth()), (0, 20));
    ledger.set(Away::No);
    wait_until(|| meter.depth() == 0).await;
    assert!(ledger.holds(&events));
}

#[tokio::test(start_paused = true)]
async fn after_a_long_outage_events_arrive_within_seconds() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, quick());
    let _tasks = meter.start();
    for _ in 0..10 {
        ledger.set(Away::Refusing);
        record_many(&meter, &somebody(), 5);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(meter.depth(), 5);
        ledger.set(Away::No);
        let back = tokio::time::Instant::now();
        while meter.depth() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(back.elapsed() < Duration::from_secs(6), "the ledger is back, and nobody looks");
        }
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_sent_again_and_counted_once() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, quick());
    let events = record_many(&meter, &somebody(), 20);
    ledger.set(Away::ForgettingToAnswer);
    assert_eq!(drain(&meter).await, 20);
    ledger.set(Away::No);
    assert_eq!(drain(&meter).await, 0);
    assert!(ledger.holds(&events));
    assert_eq!((ledger.len(), ledger.duplicates()), (20, 20));
}

#[tokio::test]
async fn a_ledger_that_never_answers_does_not_hold_the_exit() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, quick());
    record_many(&meter, &somebody(), 5);
    ledger.set(Away::Hanging);
    let started = Instant::now();
    assert_eq!(meter.drain(Duration::from_millis(100)).await, 5);
    assert!(started.elapsed() < Duration::from_secs(2));
    ledger.set(Away::No);
    assert_eq!(drain(&meter).await, 0);
}

#[tokio::test]
async fn of_two_events_under_one_id_the_first_stands_and_the_spool_moves_on() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, quick());
    let first = event(&somebody());
    let mut second = first.clone();
    second.status = 500;
    meter.record(&first);
    meter.record(&second);
    assert_eq!(drain(&meter).await, 0);
    assert!(ledger.holds(&[first]));
    assert_eq!(ledger.len(), 1);
}

#[tokio::test]
async fn old_events_press() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let clock = clock();
    let meter = Meter::open(folder.path(), ledger, quick(), clock.clone()).unwrap();
    assert_eq!((meter.pressure(), meter.oldest_age()), (Pressure::Low, Duration::ZERO));
    record_many(&meter, &somebody(), 1);
    clock.advance_ms(23 * 3_600_000);
    assert_eq!(meter.pressure(), Pressure::Low);
    clock.advance_ms(2 * 3_600_000);
    assert_eq!(meter.pressure(), Pressure::Near);
    assert_eq!(meter.oldest_age(), Duration::from_secs(25 * 3_600));
    drain(&meter).await;
    assert_eq!(meter.pressure(), Pressure::Low);
}

#[tokio::test]
async fn a_slow_ledger_slows_no_request() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, quick());
    let _tasks = meter.start();
    ledger.set(Away::Slow);
    let tenant = somebody();
    record_many(&meter, &tenant, 1);
    wait_until(|| ledger.state.lock().unwrap().calls == 1).await;
    let started = Instant::now();
    let events = record_many(&meter, &tenant, 1_000);
    assert!(started.elapsed() < SLOW, "recording waits for no ledger");
    assert_eq!(meter.unsent(&tenant).api_calls, 1_001, "and all of it shows");
    wait_until(|| meter.depth() == 0).await;
    assert!(ledger.holds(&events));
    assert!(ledger.state.lock().unwrap().calls <= 4, "what came meanwhile went in one batch");
}

#[tokio::test]
async fn a_dry_run_forgets_what_it_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Meter::open(folder.path(), Arc::new(DryRun), quick(), clock()).unwrap();
    let tenant = somebody();
    record_many(&meter, &tenant, 500);
    assert_eq!(drain(&meter).await, 0);
    assert_eq!(meter.unsent(&tenant), Counters::default());
    drop(meter);
    let ledger = Arc::new(FakeLedger::default());
    let meter = open(folder.path(), &ledger, quick());
    assert_eq!((meter.depth(), drain(&meter).await, ledger.len()), (0, 0, 0), "the spool was trimmed");
}
