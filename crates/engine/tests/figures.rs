//! Figures, printed and not judged: run with `cargo nextest run --release -p engine --run-ignored only --no-capture`.

#![allow(clippy::print_stdout, reason = "a measurement is read by people")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::{Bounds, Draft, Embedded, ModelIdentity, NewMemory, SearchQuery, Store, StoreOptions};
use stdx::clock::SystemClock;

const DIMENSIONS: usize = 256;
const WRITERS: u64 = 4;

fn model() -> ModelIdentity {
    ModelIdentity { name: "figures".into(), revision: "1".into(), dimensions: DIMENSIONS }
}

fn open(path: &Path) -> Store {
    Store::open(path, StoreOptions { clock: SystemClock::shared(), model: Some(model()) }).unwrap()
}

/// Numbers that look like chance and are the same at each run.
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn draft(n: u64, words: u64) -> Draft {
    let word = |at: u64| format!("word{}", mixed(n * 1_000 + at) % 20_000);
    let content = (0..words).map(word).collect::<Vec<_>>().join(" ");
    let component = |at: u64| (mixed(n * 1_000 + at) % 2_000) as f32 / 1_000.0 - 1.0;
    let values = (0..DIMENSIONS as u64).map(component).collect();
    let memory = NewMemory { content, session_id: Some(format!("s{}", n % 500)), ..NewMemory::default() };
    Draft { memory, embedded: Some(Embedded { model: model(), values }) }
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0;
    format!("{} writes, p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms", times.len(), at(0.5), at(0.99), at(1.0))
}

/// How long writes take while `work` runs.
fn writes_during(store: &Store, start: u64, work: impl FnOnce()) -> Vec<Duration> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut times = Vec::new();
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let draft = draft(start + n * WRITERS + writer, 30);
                        let began = Instant::now();
                        store.create(vec![draft], None, Bounds::NONE).unwrap();
                        times.push(began.elapsed());
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    times
                })
            })
            .collect();
        work();
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    })
}

#[test]
#[ignore = "prints figures"]
fn a_snapshot_of_300_mb_while_four_writers_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engram.db");
    let store = open(&path);
    let (began, mut n) = (Instant::now(), 0);
    while store.tally().unwrap().file_bytes < 300_000_000 {
        store.create((n..n + 1_000).map(|n| draft(n, 60)).collect(), None, Bounds::NONE).unwrap();
        n += 1_000;
    }
    store.checkpoint().unwrap();
    println!(
        "{n} memories, {} MB, made in {:.1?}",
        store.tally().unwrap().file_bytes / 1_000_000,
        began.elapsed()
    );
    let alone = writes_during(&store, 10_000_000, || std::thread::sleep(Duration::from_secs(8)));
    println!("no snapshot: {}", percentiles(alone));
    for round in 0..2u64 {
        let mut took = Vec::new();
        let copied = writes_during(&store, 20_000_000 + round * 1_000_000, || {
            for _ in 0..4 {
                let to = folder.path().join("copy.db");
                let began = Instant::now();
                store.snapshot(&to).unwrap();
                took.push(began.elapsed());
                std::fs::remove_file(to).unwrap();
            }
        });
        println!("snapshots {took:.2?}: {}", percentiles(copied));
        let mut took = Vec::new();
        let at_once = writes_during(&store, 40_000_000 + round * 1_000_000, || {
            for _ in 0..4 {
                let to = folder.path().join("copy.db");
                let began = Instant::now();
                let source = rusqlite::Connection::open(&path).unwrap();
                let mut target = rusqlite::Connection::open(&to).unwrap();
                target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").unwrap();
                rusqlite::backup::Backup::new(&source, &mut target).unwrap().step(-1).unwrap();
                drop(target);
                std::fs::File::open(&to).unwrap().sync_all().unwrap();
                took.push(began.elapsed());
                std::fs::remove_file(to).unwrap();
            }
        });
        println!("in one step {took:.2?}: {}", percentiles(at_once));
        let mut took = Vec::new();
        let vacuumed = writes_during(&store, 30_000_000 + round * 1_000_000, || {
            for _ in 0..2 {
                let to = folder.path().join("copy.db");
                let began = Instant::now();
                let reader = rusqlite::Connection::open(&path).unwrap();
                reader.execute("VACUUM INTO ?", [to.to_str().unwrap()]).unwrap();
                std::fs::File::open(&to).unwrap().sync_all().unwrap();
                took.push(began.elapsed());
                std::fs::remove_file(to).unwrap();
            }
        });
        println!("VACUUM INTO {took:.2?}: {}", percentiles(vacuumed));
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "prints figures"]
fn memory_of_active_stores() {
    const STORES: u64 = 400;
    let folder = tempfile::tempdir().unwrap();
    let path = |n| folder.path().join(format!("{n}.db"));
    let before = resident_kib();
    let per_store = |since| (resident_kib().saturating_sub(since)) as f64 / STORES as f64;
    let stores: Vec<_> = (0..STORES).map(|n| open(&path(n))).collect();
    println!("made and open: {:.0} KiB a store", per_store(before));
    for (n, store) in (0..).zip(&stores) {
        store.create(vec![draft(n, 20)], None, Bounds::NONE).unwrap();
    }
    println!("after one write: {:.0} KiB a store", per_store(before));
    let mut times = Vec::new();
    for round in 0..3 {
        for (n, store) in (0..).zip(&stores) {
            let Draft { memory, embedded } = draft(n, 20);
            let query = SearchQuery { text: memory.content, embedded, limit: 10, ..SearchQuery::default() };
            let began = Instant::now();
            assert_eq!(store.search(&query).unwrap().hits.len(), 1);
            times.push(began.elapsed());
        }
        times.sort();
        let median = times[times.len() / 2];
        times.clear();
        println!("after search {round}: {:.0} KiB a store, median {median:.0?}", per_store(before));
    }
    stores.iter().for_each(Store::release_memory);
    println!("released: {:.0} KiB a store", per_store(before));
}
