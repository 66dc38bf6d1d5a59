//! Copies of a store: whole while writes go on, the same as what they were taken of, and proven before they are used.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{Bounds, Draft, EngineError, NewMemory, Store, StoreOptions, examine, prove};
use stdx::clock::SystemClock;

fn open(path: &Path) -> Store {
    Store::open(path, StoreOptions { clock: SystemClock::shared(), model: None }).unwrap()
}

fn add(store: &Store, content: &str) -> i64 {
    let memory = NewMemory { content: content.into(), ..NewMemory::default() };
    let stored = store.create(vec![Draft { memory, embedded: None }], None, Bounds::NONE).unwrap();
    stored.items[0].memory.id
}

#[test]
fn a_copy_is_whole_while_writes_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("engram.db"));
    for n in 0..50 {
        add(&store, &format!("note number {n} about rivers"));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    let id = add(store, &format!("writer {writer} says {n}"));
                    if n % 3 == 0 {
                        store.delete(id).unwrap();
                    }
                    n += 1;
                }
            });
        }
        for n in 0..8 {
            let copy = folder.path().join(format!("copy-{n}.db"));
            let before = store.tally().unwrap();
            store.snapshot(&copy).unwrap();
            prove(&copy).unwrap();
            let facts = examine(&copy).unwrap();
            assert_eq!(facts.schema_version, engine::SCHEMA_VERSION);
            assert!(facts.ids_handed_out >= 50);
            // The tally changes with the rows in one transaction: a copy of one moment has both the same.
            let copied = open(&copy);
            assert_eq!(copied.tally().unwrap().memories, facts.memories());
            assert!(facts.memories() >= before.memories.saturating_sub(3));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_copy_of_a_copy_has_the_same_facts_and_reading_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.db"), folder.path().join("odd name?%.db"));
    {
        let store = open(&folder.path().join("engram.db"));
        for n in 0..20 {
            add(&store, &format!("a note about the number {n}"));
        }
        store.snapshot(&first).unwrap();
    }
    std::fs::copy(&first, &second).unwrap();
    assert_eq!(examine(&first).unwrap(), examine(&second).unwrap());
    prove(&second).unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "no sidecars are made: {names:?}");
}

#[test]
fn one_changed_value_changes_the_facts() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let store = open(&folder.path().join("engram.db"));
    let id = add(&store, "the first text");
    store.snapshot(&copy).unwrap();
    let before = examine(&copy).unwrap();
    let connection = rusqlite::Connection::open(&copy).unwrap();
    connection.execute("UPDATE memory SET importance = 0.25 WHERE id = ?", [id]).unwrap();
    connection.close().unwrap();
    let after = examine(&copy).unwrap();
    assert_ne!(before.content_hash, after.content_hash);
    assert_eq!(before.tables["memory"].rows, after.tables["memory"].rows);
    let same: Vec<_> =
        before.tables.keys().filter(|name| before.tables[*name] != after.tables[*name]).collect();
    assert_eq!(same, ["memory"]);
}

#[test]
fn what_is_no_whole_store_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let store = open(&folder.path().join("engram.db"));
    for n in 0..300 {
        add(&store, &format!("a longer note, so that there are pages enough, number {n}"));
    }
    store.snapshot(&copy).unwrap();
    let good = std::fs::read(&copy).unwrap();
    let facts = examine(&copy).unwrap();
    let mut bent_file = good.clone();
    let mut noticed = 0;
    for at in (200..good.len()).step_by(good.len() / 60) {
        bent_file[at] ^= 0xFF;
        std::fs::write(&copy, &bent_file).unwrap();
        // A byte in a free page or the free part of one is no damage; others show in the pages or in the rows.
        let whole = prove(&copy).is_ok() && examine(&copy).is_ok_and(|found| found == facts);
        noticed += usize::from(!whole);
        bent_file[at] ^= 0xFF;
    }
    assert!(noticed > 10, "{noticed} of 60");

    std::fs::write(&copy, &good[..good.len() / 2]).unwrap();
    assert!(prove(&copy).is_err() || examine(&copy).is_err());
    std::fs::write(&copy, b"no database at all").unwrap();
    assert!(matches!(prove(&copy), Err(EngineError::Damaged(_))));
    assert!(prove(&folder.path().join("nothing.db")).is_err());
    std::fs::write(&copy, &good).unwrap();
    let connection = rusqlite::Connection::open(&copy).unwrap();
    connection
        .execute_batch("UPDATE meta SET value = '99' WHERE name = 'reader_min'; PRAGMA user_version = 99")
        .unwrap();
    connection.close().unwrap();
    assert!(matches!(prove(&copy), Err(EngineError::NewerSchema { found: 99, .. })));
}

#[test]
fn ids_stay_above_what_was_handed_out_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("engram.db"));
    assert_eq!(store.ids_handed_out().unwrap(), 0);
    store.keep_ids_above(41).unwrap();
    assert_eq!(add(&store, "one"), 42);
    store.keep_ids_above(7).unwrap();
    assert_eq!(add(&store, "two"), 43);
    assert_eq!(store.ids_handed_out().unwrap(), 43);
    store.delete(43).unwrap();
    assert_eq!(store.ids_handed_out().unwrap(), 43);
    assert_eq!((store.count_up_to(42).unwrap(), store.count_up_to(41).unwrap()), (1, 0));
}
