//! Every metric of metering, with its unit.

use std::time::Duration;

use control::{Reconciliation, Recorded, Verdict};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const RECORDED: &str = "engram_usage_events_recorded_total";
const INSERTED: &str = "engram_usage_events_inserted_total";
const DUPLICATES: &str = "engram_usage_duplicates_total";
const CONFLICTING: &str = "engram_usage_conflicting_total";
const LATE: &str = "engram_usage_late_total";
const DROPPED: &str = "engram_usage_dropped_total";
const WRITE_FAILURES: &str = "engram_usage_spool_write_failures_total";
const CORRUPT: &str = "engram_usage_spool_corrupt_total";
const DRY_RUN: &str = "engram_usage_dry_run_events_total";
const FLUSH_FAILURES: &str = "engram_usage_flush_failures_total";
const FLUSH_SECONDS: &str = "engram_usage_flush_seconds";
const SPOOL_DEPTH: &str = "engram_usage_spool_depth";
const DRIFT: &str = "engram_usage_drift_events";
const WAITING: &str = "engram_usage_closed_hours_waiting_events";
const UNPROVEN: &str = "engram_usage_days_not_proven";
const SPOOL_BYTES: &str = "engram_usage_spool_bytes";
const SPOOL_AGE: &str = "engram_usage_spool_oldest_age_seconds";

const COUNTERS: &[(&str, &str)] = &[
    (RECORDED, "Usage events of answered requests"),
    (INSERTED, "Usage events the ledger took for the first time"),
    (DUPLICATES, "Usage events the ledger had already, word for word"),
    (CONFLICTING, "Usage events whose id the ledger had with another content; the first one stands"),
    (LATE, "Usage events of days that are closed; they are kept aside and not counted"),
    (DROPPED, "Usage events lost because neither disk nor memory could hold them"),
    (WRITE_FAILURES, "Writes or syncs of the usage spool that failed"),
    (CORRUPT, "Places of the usage spool that could not be read"),
    (DRY_RUN, "Usage events of a dry run: added up, and not in the ledger"),
    (FLUSH_FAILURES, "Batches of usage events the ledger did not take"),
];

/// Describes every metric of metering and sets the counters to zero; call it once the recorder is installed.
pub fn describe() {
    for (name, words) in COUNTERS {
        describe_counter!(*name, Unit::Count, *words);
        counter!(*name).increment(0);
    }
    describe_gauge!(SPOOL_DEPTH, Unit::Count, "Usage events recorded and not yet confirmed by the ledger");
    describe_gauge!(SPOOL_BYTES, Unit::Bytes, "Size of the usage spool on disk");
    describe_gauge!(
        SPOOL_AGE,
        Unit::Seconds,
        "Age of the oldest usage event not yet confirmed by the ledger"
    );
    describe_gauge!(DRIFT, Unit::Count, "Usage events of closed hours that nodes and ledger do not agree on");
    describe_gauge!(WAITING, Unit::Count, "Usage events of closed hours that are still on their way");
    describe_gauge!(UNPROVEN, Unit::Count, "Days kept from pruning because sums and single events differ");
    describe_histogram!(FLUSH_SECONDS, Unit::Seconds, "Time to record one batch of usage events");
    // Known before the first sample.
    let _ = histogram!(FLUSH_SECONDS);
    for name in [SPOOL_DEPTH, SPOOL_BYTES, SPOOL_AGE, DRIFT, WAITING, UNPROVEN] {
        gauge!(name).set(0.0);
    }
}

pub(crate) fn recorded(total: u64) {
    counter!(RECORDED).absolute(total);
}

pub(crate) fn sent(recorded: &Recorded, took: Duration) {
    counter!(INSERTED).increment(recorded.inserted);
    counter!(DUPLICATES).increment(recorded.duplicates);
    counter!(CONFLICTING).increment(recorded.conflicting.len() as u64);
    counter!(LATE).increment(recorded.late.len() as u64);
    histogram!(FLUSH_SECONDS).record(took.as_secs_f64());
}

pub(crate) fn flush_failed() {
    counter!(FLUSH_FAILURES).increment(1);
}

pub(crate) fn write_failed() {
    counter!(WRITE_FAILURES).increment(1);
}

pub(crate) fn dropped() {
    counter!(DROPPED).increment(1);
}

pub(crate) fn dry_run(events: u64) {
    counter!(DRY_RUN).increment(events);
}

pub(crate) fn corrupt(places: u64) {
    counter!(CORRUPT).increment(places);
}

pub(crate) fn spool(depth: u64, bytes: u64, oldest_age: Duration) {
    gauge!(SPOOL_DEPTH).set(depth as f64);
    gauge!(SPOOL_BYTES).set(bytes as f64);
    gauge!(SPOOL_AGE).set(oldest_age.as_secs_f64());
}

/// Shows what a reconciliation of closed hours found.
pub fn reconciled(found: &Reconciliation) {
    let waiting = |verdict| if let Verdict::Waiting(events) = verdict { events } else { 0 };
    let waiting: u64 = found.hours.iter().map(|hour| waiting(hour.verdict())).sum();
    gauge!(DRIFT).set(found.drift() as f64);
    gauge!(WAITING).set(waiting as f64);
}

/// Shows whether the oldest day may be pruned.
pub fn days_not_proven(days: u64) {
    gauge!(UNPROVEN).set(days as f64);
}
