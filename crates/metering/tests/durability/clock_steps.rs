//! Midnights, months and clocks that are set: an event counts on the day it happened, once.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use metering::{Meter, MeterOptions, Pressure};
use stdx::clock::{Clock, ManualClock};

use crate::{FakeLedger, drain, event_at, open, somebody};

fn ms(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_millisecond()
}

/// Records an event at each time, restarts, sends in between and at the end, and checks the days the meter tells of.
async fn check(times: &[&str], want: &[&str]) {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let tenant = somebody();
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    let events: Vec<_> = times.iter().map(|time| event_at(&tenant, ms(time))).collect();
    for event in &events {
        meter.record(event);
    }
    drop(meter);
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    let days = meter.unsent_by_day(&tenant);
    let days: Vec<_> = days.iter().map(|day| format!("{} {}", day.day, day.requests)).collect();
    assert_eq!(days, want);
    assert_eq!(drain(&meter).await, 0);
    assert!(ledger.holds(&events));
    assert_eq!((ledger.len(), ledger.duplicates()), (times.len(), 0));
    assert!(meter.hours().iter().all(|hour| hour.served == hour.sent));
}

#[tokio::test]
async fn an_event_of_the_last_moment_of_a_month_counts_in_that_month() {
    check(
        &["2026-11-30T23:59:59.999Z", "2026-12-01T00:00:00Z", "2026-12-31T23:59:59.999Z"],
        &["2026-11-30 1", "2026-12-01 1", "2026-12-31 1"],
    )
    .await;
    check(&["2028-02-29T23:59:59.999Z", "2028-03-01T00:00:00Z"], &["2028-02-29 1", "2028-03-01 1"]).await;
}

#[tokio::test]
async fn a_clock_that_steps_back_over_midnight_loses_nothing() {
    check(
        &["2026-12-01T00:00:01Z", "2026-11-30T23:59:59Z", "2026-12-01T00:00:02Z", "2025-01-01T00:00:00Z"],
        &["2025-01-01 1", "2026-11-30 1", "2026-12-01 2"],
    )
    .await;
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_make_events_young_for_ever() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let clock = ManualClock::at("2026-12-01T12:00:00Z".parse().unwrap());
    let meter = Meter::open(folder.path(), ledger, MeterOptions::default(), clock.clone()).unwrap();
    let tenant = somebody();
    meter.record(&event_at(&tenant, clock.now_ms()));
    clock.advance_ms(-3_600_000);
    meter.record(&event_at(&tenant, clock.now_ms()));
    assert_eq!(meter.oldest_age(), Duration::ZERO, "an event from the future has no age yet");
    clock.advance_ms(26 * 3_600_000);
    assert_eq!(meter.pressure(), Pressure::Near);
    assert_eq!(drain(&meter).await, 0);
    assert_eq!((meter.oldest_age(), meter.pressure()), (Duration::ZERO, Pressure::Low));
}

#[tokio::test]
async fn two_requests_under_one_clock_reading_are_two() {
    check(&["2026-12-01T12:00:00Z"; 50], &["2026-12-01 50"]).await;
}
