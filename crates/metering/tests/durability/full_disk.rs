//! A disk that takes part of a frame and no more: the kernel's limit on the size of a file stands for it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use metering::{Kept, MeterOptions, Pressure};

use crate::{FakeLedger, drain, event, open, somebody};

/// Blocks of 512 bytes that a file of the child may have; no whole number of frames.
const BLOCKS: &str = "33";
const EVENTS: usize = 400;

#[tokio::test]
async fn what_a_full_disk_took_is_whole_and_what_it_refused_is_sent_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let child = "--ignored --exact full_disk::record_until_the_disk_is_full --nocapture";
    // Without the trap the kernel ends a process that meets the limit.
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec '{}' {child}", program.display());
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", folder.path().display()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let (mut on_disk, mut sent) = (BTreeSet::new(), BTreeSet::new());
    for line in lines {
        // The first line of the child may be glued to a word of the test harness.
        match line.rsplit_once(' ').map(|(word, id)| (word.rsplit(' ').next().unwrap_or(""), id)) {
            Some(("OnDisk", id)) => _ = on_disk.insert(id.to_owned()),
            Some(("InMemory", id)) => _ = sent.insert(id.to_owned()),
            _ => {}
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(on_disk.len() > 100 && sent.len() > 100, "{} and {}", on_disk.len(), sent.len());

    // The disk has space again: everything it took is there, whole and once.
    let ledger = Arc::new(FakeLedger::default());
    let meter = open(folder.path(), &ledger, MeterOptions::default());
    assert_eq!((meter.depth(), drain(&meter).await), (on_disk.len() as u64, 0));
    assert!(ledger.state.lock().unwrap().events.keys().eq(on_disk.iter()));
    assert!(!std::fs::read_dir(folder.path()).unwrap().any(|entry| {
        Path::new(&entry.unwrap().file_name()).extension().is_some_and(|kind| kind == "damaged")
    }));
}

#[tokio::test]
#[ignore = "runs as the child of what_a_full_disk_took_is_whole_and_what_it_refused_is_sent_from_memory"]
async fn record_until_the_disk_is_full() {
    let mut folder = String::new();
    stdin().read_line(&mut folder).unwrap();
    if folder.is_empty() {
        return;
    }
    let ledger = Arc::new(FakeLedger::default());
    let meter = open(Path::new(folder.trim_end()), &ledger, MeterOptions::default());
    let tenant = somebody();
    let mut refused = Vec::new();
    for _ in 0..EVENTS {
        let event = event(&tenant);
        let kept = meter.record(&event);
        writeln!(stdout(), " {kept:?} {}", event.request_id).unwrap();
        if kept == Kept::InMemory {
            refused.push(event);
        }
    }
    assert_eq!(meter.pressure(), Pressure::Near);
    assert_eq!(meter.drain(Duration::from_secs(5)).await, 0);
    assert!(ledger.holds(&refused));
    // As if it had been killed before the cursor moved.
    std::fs::remove_file(Path::new(folder.trim_end()).join("cursor")).unwrap();
}
