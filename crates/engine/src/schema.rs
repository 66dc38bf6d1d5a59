//! The tables of a store, as numbered migrations. `user_version` counts them.

mod compatibility;
mod stated;

use std::sync::LazyLock;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::error::EngineError;

/// Marks a file as a store of ours ("Engr" in ASCII); SQLite keeps it in the header.
const APPLICATION_ID: i32 = 0x456E_6772;

/// Schema version this program writes.
pub const SCHEMA_VERSION: i64 = 3;

/// Oldest SQLite without the WAL-reset race, which silently lost commits.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

const SQL: &[&str] = &[
    include_str!("schema/001_memories.sql"),
    include_str!("schema/002_tally.sql"),
    include_str!("schema/003_stated.sql"),
];

static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    Migrations::new(vec![M::up(SQL[0]), M::up(SQL[1]), M::up_with_hook(SQL[2], stated::count)])
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
    Ok(())
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
