//! Segments, and a disk that refuses.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use metering::{Kept, MeterOptions, Pressure};

use crate::{FakeLedger, drain, event, open, record_many, somebody};

fn small() -> MeterOptions {
    MeterOptions { segment_bytes_max: 1_000, ..MeterOptions::default() }
}

fn segments(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|kind| kind == "usage")).count()
}

#[tokio::test]
async fn the_spool_grows_by_segments_and_forgets_those_that_were_sent() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, small());
    let events = record_many(&meter, &somebody(), 200);
    assert!(segments(folder.path()) > 10);
    assert_eq!(drain(&meter).await, 0);
    assert_eq!(segments(folder.path()), 1);
    assert!(ledger.holds(&events));
    assert_eq!(ledger.duplicates(), 0);
}

#[tokio::test]
async fn a_restart_sends_nothing_twice_when_the_cursor_was_written() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    for _ in 0..5 {
        let meter = open(folder.path(), &ledger, small());
        record_many(&meter, &somebody(), 7);
        assert_eq!(drain(&meter).await, 0);
    }
    assert_eq!((ledger.len(), ledger.duplicates()), (35, 0));
    assert!(segments(folder.path()) <= 2);
}

#[tokio::test]
async fn a_full_spool_keeps_events_in_memory_and_says_so() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, MeterOptions { spool_bytes_max: 2_000, ..small() });
    let tenant = somebody();
    assert_eq!(meter.pressure(), Pressure::Low);
    let events = record_many(&meter, &tenant, 100);
    assert_eq!(meter.record(&event(&tenant)), Kept::InMemory);
    assert_eq!((meter.pressure(), meter.depth()), (Pressure::Near, 101));
    assert_eq!(drain(&meter).await, 0);
    assert!(ledger.holds(&events));
    assert_eq!((ledger.len(), meter.pressure()), (101, Pressure::Low));
    assert_eq!(meter.record(&event(&tenant)), Kept::OnDisk);
}

#[tokio::test]
async fn a_disk_that_fails_does_not_fail_the_request() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let spool = folder.path().join("spool");
    let meter = open(&spool, &ledger, small());
    drain(&meter).await;
    fs::remove_dir_all(&spool).unwrap();
    let events = record_many(&meter, &somebody(), 30);
    drain(&meter).await;
    let in_memory = ledger.len();
    assert!(in_memory >= 15, "those for which no segment could be made: {in_memory}");
    fs::create_dir(&spool).unwrap();
    assert_eq!(meter.record(&events[0]), Kept::OnDisk);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let ledger = Arc::new(FakeLedger::default());
    let path = folder.path().join("file/spool");
    let error = metering::Meter::open(&path, ledger, small(), crate::clock()).unwrap_err().to_string();
    assert!(error.contains("file/spool") && error.contains("check the folder"), "{error}");
}
