//! The tables of a store, as numbered migrations. `user_version` counts them.

mod compatibility;
mod facet;
mod stated;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::LazyLock;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::connection;
use crate::error::EngineError;

/// Where the header of a SQLite file has its `user_version`, as four bytes with the highest first.
const USER_VERSION_AT: usize = 60;

/// Marks a file as a store of ours ("Engr" in ASCII); SQLite keeps it in the header.
const APPLICATION_ID: i32 = 0x456E_6772;

/// Schema version this program writes.
pub const SCHEMA_VERSION: i64 = 4;

/// Oldest SQLite without the WAL-reset race, which silently lost commits.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

const SQL: &[&str] = &[
    include_str!("schema/001_memories.sql"),
    include_str!("schema/002_tally.sql"),
    include_str!("schema/003_stated.sql"),
    include_str!("schema/004_facet.sql"),
];

static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    Migrations::new(vec![
        M::up(SQL[0]),
        M::up(SQL[1]),
        M::up_with_hook(SQL[2], stated::count),
        M::up_with_hook(SQL[3], facet::fill),
    ])
});

/// Version of the SQLite library in this program, such as `3.53.2`.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Brings the file of `connection` to [`SCHEMA_VERSION`]; creates everything in an empty file.
///
/// # Errors
/// `Damaged` for a file of another program, `NewerSchema` for one from the future that this program may not touch.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), EngineError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(EngineError::Internal(format!("SQLite {} can lose commits", sqlite_version())));
    }
    let found = recognise(connection)?;
    if found > SCHEMA_VERSION {
        return compatibility::note_older_writer(connection);
    }
    if found < SCHEMA_VERSION {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        MIGRATIONS
            .to_latest(connection)
            .map_err(|error| EngineError::Internal(format!("migration: {error}")))?;
    }
    // An older program that worked on the file did not know what filters look up.
    compatibility::make_up_for_older_writer(connection, facet::refill)
}

/// Whether opening the store in `path` would change its schema. The answer for a file that is up to date costs one read.
///
/// # Errors
/// `Disk`, and what opening the file would say.
pub fn needs_migration(path: &Path) -> Result<bool, EngineError> {
    let mut header = [0; USER_VERSION_AT + 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        // A store that is still to be made, or not even begun.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => {
            return Ok(false);
        }
        Err(error) => return Err(EngineError::Disk(format!("{}: {error}", path.display()))),
        Ok(()) => {}
    }
    let [.., a, b, c, d] = header;
    if i64::from(u32::from_be_bytes([a, b, c, d])) >= SCHEMA_VERSION {
        return Ok(false);
    }
    // The header may be behind the write-ahead log, never ahead of it.
    let connection = connection::open_reader(path)?;
    let found = recognise(&connection)?;
    Ok(found > 0 && found < SCHEMA_VERSION)
}

/// Refuses files of other programs and of newer versions of this one, unless they say that it may work on them;
/// returns the file's schema version.
pub(crate) fn recognise(connection: &Connection) -> Result<i64, EngineError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(EngineError::Damaged("it belongs to another program".into()));
    }
    compatibility::require_readable(connection, found)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_becomes_a_store_and_stays_one() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let version: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
        assert_eq!(version, SCHEMA_VERSION);
    }

    #[test]
    fn memories_of_an_older_file_are_counted_as_stating_something() {
        let mut connection = Connection::open_in_memory().unwrap();
        MIGRATIONS.to_version(&mut connection, 2).unwrap();
        connection
            .execute_batch(
                "INSERT INTO workspace (id, name, created_at) VALUES (1, 'default', 0);
                 INSERT INTO memory (id, workspace_id, content, kind, tags, metadata, importance, tier, version,
                                     change, created_at, updated_at)
                 VALUES (7, 1, 'I have a dog. And you?', 'note', '[]', '{}', 0.5, 'permanent', 1, 'create', 0, 0);
                 INSERT INTO fact VALUES (7, 6, 0, 0, 0, 0, NULL, 0.5);",
            )
            .unwrap();
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        migrate(&mut connection).unwrap();
        let stated: u32 = connection.query_row("SELECT stated FROM fact", [], |row| row.get(0)).unwrap();
        assert_eq!(stated, 4);
    }

    #[test]
    fn only_an_older_file_needs_a_migration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engram.db");
        assert!(!needs_migration(&path).unwrap(), "a file that is not there");
        std::fs::write(&path, b"").unwrap();
        assert!(!needs_migration(&path).unwrap(), "an empty file");

        let mut writer = connection::open_writer(&path).unwrap();
        writer.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        MIGRATIONS.to_version(&mut writer, 2).unwrap();
        assert!(needs_migration(&path).unwrap());
        migrate(&mut writer).unwrap();
        assert!(!needs_migration(&path).unwrap(), "the news are in the write-ahead log");
        drop(writer);
        assert!(!needs_migration(&path).unwrap());
    }

    #[test]
    fn what_a_program_without_facets_wrote_is_made_up_for() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        // As the program of schema version 3 would: no row in `facet`, and its note.
        connection
            .execute_batch(
                "INSERT INTO workspace (id, name, created_at) VALUES (1, 'default', 0);
                 INSERT INTO memory (id, workspace_id, content, kind, tags, metadata, importance, tier, version,
                                     change, created_at, updated_at)
                 VALUES (7, 1, 'a', 'fact', '[]', '{}', 0.5, 'permanent', 1, 'create', 0, 0);
                 INSERT INTO meta VALUES ('oldest_writer', '3');",
            )
            .unwrap();
        let found = |connection: &Connection| -> Vec<i64> {
            let term =
                crate::facet::term(crate::facet::Field::Column("kind"), crate::facet::Compared::Text("fact"));
            let mut found = connection.prepare("SELECT rowid FROM facet WHERE facet MATCH ?").unwrap();
            found.query_map([term], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(found(&connection), Vec::<i64>::new());
        migrate(&mut connection).unwrap();
        assert_eq!(found(&connection), [7]);
        let notes: u32 = connection
            .query_row("SELECT count(*) FROM meta WHERE name = 'oldest_writer'", [], |r| r.get(0))
            .unwrap();
        assert_eq!(notes, 0);
    }

    #[test]
    fn foreign_and_newer_files_are_refused() {
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(migrate(&mut foreign), Err(EngineError::Damaged(_))));
        let mut newer = Connection::open_in_memory().unwrap();
        newer.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&mut newer), Err(EngineError::NewerSchema { found: 99, .. })));
    }

    #[test]
    fn every_later_migration_says_who_may_still_read_the_file() {
        assert_eq!(i64::try_from(SQL.len()).unwrap(), SCHEMA_VERSION);
        for sql in &SQL[3..] {
            assert!(sql.contains("'reader_min'"), "a migration writes reader_min into meta:\n{sql}");
        }
    }
}
