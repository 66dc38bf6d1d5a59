//! Spools that were hurt: torn tails, flipped bytes, lost cursors, files of a newer version.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metering::MeterOptions;
use tenancy::UsageEvent;

use crate::{FakeLedger, drain, open, record_many, somebody};

/// Bytes of the segment header.
const HEADER: usize = 12;

fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == kind));
    files.sort();
    files
}

/// Writes a spool of ten events, hurts its segment, and checks which events the next process still sends.
async fn check(hurt: impl Fn(&mut Vec<u8>), lost: &[usize], damaged_files: usize) {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    let events = record_many(&meter, &somebody(), 10);
    drop(meter);
    let segment = files(folder.path(), "usage").remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    hurt(&mut bytes);
    fs::write(&segment, bytes).unwrap();

    let meter = open(folder.path(), &ledger, MeterOptions::default());
    let fresh = record_many(&meter, &somebody(), 3);
    assert_eq!(drain(&meter).await, 0);
    let kept = events.iter().enumerate().filter(|(n, _)| !lost.contains(n)).map(|(_, event)| event.clone());
    let want: Vec<UsageEvent> = kept.chain(fresh).collect();
    assert!(ledger.holds(&want));
    assert_eq!(ledger.len(), want.len());
    assert_eq!(files(folder.path(), "damaged").len(), damaged_files);
}

/// Where the `n`th frame starts; all frames of the test are of one length.
fn frame(bytes: &[u8], n: usize) -> usize {
    HEADER + (bytes.len() - HEADER) / 10 * n
}

#[tokio::test]
async fn a_torn_tail_loses_only_the_event_that_was_never_whole() {
    check(|bytes| bytes.truncate(bytes.len() - 1), &[9], 0).await;
    check(|bytes| bytes.truncate(frame(bytes, 9) + 3), &[9], 0).await;
    check(|bytes| bytes.truncate(frame(bytes, 9)), &[9], 0).await;
    check(|bytes| bytes.extend([0; 4_096]), &[], 0).await;
    check(|bytes| bytes.extend([0xff; 77]), &[], 0).await;
}

#[tokio::test]
async fn an_empty_or_headless_segment_is_no_trouble() {
    let all: Vec<usize> = (0..10).collect();
    check(Vec::clear, &all, 0).await;
    check(|bytes| bytes.truncate(5), &all, 0).await;
    check(|bytes| bytes.truncate(HEADER), &all, 0).await;
}

#[tokio::test]
async fn a_flipped_byte_in_the_middle_costs_one_event_and_the_file_is_kept() {
    let flip = |n: usize, offset: usize| {
        move |bytes: &mut Vec<u8>| {
            let at = frame(bytes, n) + offset;
            bytes[at] ^= 0x55;
        }
    };
    check(flip(4, 20), &[4], 1).await; // in the payload
    check(flip(4, 0), &[4], 1).await; // in the length
    check(flip(4, 5), &[4], 1).await; // in the checksum
    check(flip(0, 1), &[0], 1).await;
    check(|bytes| bytes[..8].fill(0), &[], 1).await; // the magic of the header
    check(
        |bytes| {
            let (from, to) = (frame(bytes, 2), frame(bytes, 5) - 3);
            bytes.drain(from..to);
        },
        &[2, 3, 4],
        1,
    )
    .await;
}

#[tokio::test]
async fn without_a_cursor_everything_is_sent_again_and_counted_once() {
    for hurt in ["", "nonsense", "99999999999999999999999 1", "7"] {
        let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
        let meter = open(folder.path(), &ledger, MeterOptions::default());
        record_many(&meter, &somebody(), 10);
        assert_eq!(drain(&meter).await, 0);
        drop(meter);
        fs::write(folder.path().join("cursor"), hurt).unwrap();
        let meter = open(folder.path(), &ledger, MeterOptions::default());
        assert_eq!(meter.depth(), 10);
        assert_eq!(drain(&meter).await, 0);
        assert_eq!((ledger.len(), ledger.duplicates()), (10, 10), "{hurt:?}");
    }
}

#[tokio::test]
async fn a_segment_of_a_newer_version_waits_for_that_version() {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(FakeLedger::default()));
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    let events = record_many(&meter, &somebody(), 10);
    drop(meter);
    let segment = files(folder.path(), "usage").remove(0);
    let set_version = |path: &Path, version: u8| {
        let mut bytes = fs::read(path).unwrap();
        bytes[8] = version;
        fs::write(path, bytes).unwrap();
    };
    set_version(&segment, 2);

    let meter = open(folder.path(), &ledger, MeterOptions::default());
    let fresh = record_many(&meter, &somebody(), 3);
    assert_eq!(drain(&meter).await, 0);
    drop(meter);
    assert!(ledger.holds(&fresh));
    assert_eq!(ledger.len(), 3);

    // As a newer program would find it: a version it knows.
    set_version(&files(folder.path(), "newer")[0], 1);
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    assert_eq!(drain(&meter).await, 0);
    assert!(ledger.holds(&events));
    assert!(files(folder.path(), "newer").is_empty());
}
