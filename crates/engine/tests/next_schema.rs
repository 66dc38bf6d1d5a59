//! A file that the next version has migrated, opened by this one: after a roll back people go on working, and nothing
//! that the next version added is lost.

use std::path::Path;

use engine::{
    Bounds, Change, Draft, EngineError, ListQuery, MemoryPatch, NewMemory, SCHEMA_VERSION, SearchQuery,
    Store, StoreOptions, prove,
};
use rusqlite::Connection;
use stdx::clock::SystemClock;

/// What the next migration may look like; the number is who may still read and write the file.
fn next(reader_min: i64) -> String {
    let version = SCHEMA_VERSION + 1;
    format!(
        "ALTER TABLE memory ADD COLUMN mood TEXT NOT NULL DEFAULT 'unknown';
         ALTER TABLE fact ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
         CREATE TABLE link (
             source INTEGER NOT NULL REFERENCES memory (id) ON DELETE CASCADE,
             target INTEGER NOT NULL REFERENCES memory (id) ON DELETE CASCADE,
             PRIMARY KEY (source, target)
         ) STRICT, WITHOUT ROWID;
         UPDATE memory SET mood = 'cheerful';
         INSERT INTO link SELECT 1, id FROM memory WHERE id > 1;
         CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
         INSERT OR REPLACE INTO meta (name, value) VALUES ('reader_min', '{reader_min}');
         PRAGMA user_version = {version};"
    )
}

fn try_open(path: &Path) -> Result<Store, EngineError> {
    Store::open(path, StoreOptions { clock: SystemClock::shared(), model: None })
}

fn add(store: &Store, content: &str) -> i64 {
    let memory = NewMemory { content: content.into(), ..NewMemory::default() };
    let stored = store.create(vec![Draft { memory, embedded: None }], None, Bounds::NONE).unwrap();
    stored.items[0].memory.id
}

fn found(store: &Store, text: &str) -> Vec<i64> {
    let query = SearchQuery { text: text.into(), limit: 10, ..SearchQuery::default() };
    store.search(&query).unwrap().hits.into_iter().map(|hit| hit.memory.id).collect()
}

/// Four memories, and then the next migration.
fn migrated(path: &Path, reader_min: i64) {
    let store = try_open(path).unwrap();
    for content in ["rivers are long", "mountains are high", "lakes are deep", "deserts are dry"] {
        add(&store, content);
    }
    drop(store);
    Connection::open(path).unwrap().execute_batch(&next(reader_min)).unwrap();
}

#[test]
fn a_compatible_file_is_worked_on_and_nothing_of_it_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engram.db");
    migrated(&path, SCHEMA_VERSION);

    let store = try_open(&path).unwrap();
    assert_eq!(found(&store, "mountains"), [2]);
    let patch = MemoryPatch { content: Change::Set("mountains are steep".into()), ..MemoryPatch::default() };
    store.update(2, patch, None, None, Bounds::NONE).unwrap();
    store.delete(3).unwrap();
    let new = add(&store, "forests are green");
    store.revert(2, 1, None, None, Bounds::NONE).unwrap();
    assert_eq!(
        (found(&store, "forests"), found(&store, "steep"), found(&store, "high")),
        (vec![new], vec![], vec![2])
    );
    assert_eq!(store.list(&ListQuery { limit: 10, ..ListQuery::default() }).unwrap().items.len(), 4);
    assert_eq!(store.tally().unwrap().memories, 4);
    assert_eq!(store.integrity_problems().unwrap(), Vec::<String>::new());
    let copy = folder.path().join("copy.db");
    store.snapshot(&copy).unwrap();
    drop(store);

    prove(&copy).unwrap();
    for file in [&path, &copy] {
        let inside = Connection::open(file).unwrap();
        let moods = "SELECT group_concat(id || ' ' || mood, ', ' ORDER BY id) FROM memory";
        let moods: String = inside.query_row(moods, [], |row| row.get(0)).unwrap();
        assert_eq!(moods, "1 cheerful, 2 cheerful, 4 cheerful, 5 unknown");
        let links: String =
            inside.query_row("SELECT group_concat(target) FROM link", [], |row| row.get(0)).unwrap();
        assert_eq!(links, "2,4", "a deleted memory took its link along");
        let note = "SELECT value FROM meta WHERE name = 'oldest_writer'";
        let note: String = inside.query_row(note, [], |row| row.get(0)).unwrap();
        assert_eq!(note, SCHEMA_VERSION.to_string(), "the next version learns that this one wrote");
        let version: i64 = inside.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, SCHEMA_VERSION + 1);
    }
}

#[test]
fn the_oldest_of_several_writers_stays_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engram.db");
    migrated(&path, 1);
    let older = "INSERT INTO meta (name, value) VALUES ('oldest_writer', '2')";
    Connection::open(&path).unwrap().execute_batch(older).unwrap();
    drop(try_open(&path).unwrap());
    let note = "SELECT value FROM meta WHERE name = 'oldest_writer'";
    let note: String = Connection::open(&path).unwrap().query_row(note, [], |row| row.get(0)).unwrap();
    assert_eq!(note, "2");
}

#[test]
fn an_incompatible_file_is_refused_with_the_version_it_needs_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engram.db");
    migrated(&path, SCHEMA_VERSION + 1);
    let before = std::fs::read(&path).unwrap();
    let needed = SCHEMA_VERSION + 1;
    let told = format!("takes an engram that knows version {needed}; this one knows {SCHEMA_VERSION}");
    for error in [try_open(&path).unwrap_err(), prove(&path).unwrap_err()] {
        assert!(error.to_string().contains(&told), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
