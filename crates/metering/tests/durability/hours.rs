//! What a node says it served and sent, whatever happened in between.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use metering::{Meter, MeterOptions};

use crate::{Away, FakeLedger, START_MS, drain, event_at, open, record_many, somebody};

const HOUR_MS: i64 = 3_600_000;

/// Requests served and sent, hour by hour.
fn hours(meter: &Meter) -> Vec<(u64, u64)> {
    meter.hours().iter().map(|hour| (hour.served.requests, hour.sent.requests)).collect()
}

fn reopen(meter: Arc<Meter>, folder: &Path, ledger: &Arc<FakeLedger>) -> Arc<Meter> {
    drop(meter);
    open(folder, ledger, MeterOptions { segment_bytes_max: 1_000, ..MeterOptions::default() })
}

#[tokio::test]
async fn what_was_served_and_sent_is_known_by_hour_after_every_restart() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    let node = meter.node().to_owned();
    let tenant = somebody();
    record_many(&meter, &tenant, 30);
    assert_eq!(hours(&meter), [(30, 0)]);
    let meter = reopen(meter, folder.path(), &ledger);
    assert_eq!(hours(&meter), [(30, 0)], "from the spool alone");
    assert_eq!(drain(&meter).await, 0);
    meter.record(&event_at(&tenant, START_MS + HOUR_MS));
    record_many(&meter, &tenant, 2);
    let meter = reopen(meter, folder.path(), &ledger);
    assert_eq!(hours(&meter), [(32, 30), (1, 0)], "from the cursor's file and the spool");
    ledger.set(Away::ForgettingToAnswer);
    assert_eq!(drain(&meter).await, 3);
    ledger.set(Away::No);
    let meter = reopen(meter, folder.path(), &ledger);
    assert_eq!(drain(&meter).await, 0);
    let meter = reopen(meter, folder.path(), &ledger);
    assert_eq!(hours(&meter), [(32, 32), (1, 1)]);
    assert_eq!(meter.hours()[0].sent.counters.storage_bytes_delta, 32 * 40);
    assert_eq!(meter.node(), node, "the node keeps its name");
}

#[tokio::test]
async fn a_cursor_of_an_earlier_version_is_read_and_counting_starts_there() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    record_many(&meter, &somebody(), 10);
    assert_eq!(drain(&meter).await, 0);
    record_many(&meter, &somebody(), 4);
    let cursor = folder.path().join("cursor");
    let first_line = fs::read_to_string(&cursor).unwrap().lines().next().unwrap().to_owned();
    fs::write(&cursor, first_line + "\n").unwrap();
    let meter = reopen(meter, folder.path(), &ledger);
    assert_eq!((hours(&meter), meter.depth()), (vec![(4, 0)], 4));
    assert_eq!(drain(&meter).await, 0);
    assert_eq!((ledger.len(), ledger.duplicates()), (14, 0));
}

#[tokio::test]
async fn events_the_disk_refused_are_counted_as_well() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let options =
        MeterOptions { spool_bytes_max: 2_000, segment_bytes_max: 1_000, ..MeterOptions::default() };
    let meter = open(folder.path(), &ledger, options);
    record_many(&meter, &somebody(), 100);
    assert_eq!(hours(&meter), [(100, 0)]);
    assert_eq!(drain(&meter).await, 0);
    assert_eq!(hours(&meter), [(100, 100)]);
    let meter = reopen(meter, folder.path(), &ledger);
    assert_eq!(hours(&meter), [(100, 100)]);
}

#[tokio::test]
async fn an_event_the_disk_lost_shows_as_served_and_not_sent_and_nothing_waits_for_it() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    record_many(&meter, &somebody(), 10);
    let segments = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.into_iter().find(|path| path.extension().is_some_and(|k| k == "usage")).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    // In place: the meter goes on appending to this file.
    fs::write(&segment, bytes).unwrap();
    assert_eq!(drain(&meter).await, 0, "what is lost does not wait");
    assert_eq!(hours(&meter), [(10, 9)]);
    let meter = reopen(meter, folder.path(), &ledger);
    assert_eq!((hours(&meter), ledger.len()), (vec![(10, 9)], 9));
}
