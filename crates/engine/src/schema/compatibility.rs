//! Whether this program may work on a file of a newer schema: the file says so, in words of the migration that made it.
//!
//! A migration after the third writes into the table `meta` who may still read and write the file: `reader_min`, the
//! schema version that a program must know. Columns and tables that such a migration adds have defaults, so that
//! programs that do not know them neither fill nor lose them. An older program that opens the file for writing leaves
//! its own version as `oldest_writer`, for the newer one that comes back and has to make up for what was left out.

use rusqlite::{Connection, OptionalExtension};

use super::SCHEMA_VERSION;
use crate::error::EngineError;

/// Refuses a file of schema version `found` unless it says that this program may work on it.
pub(super) fn require_readable(connection: &Connection, found: i64) -> Result<(), EngineError> {
    if found <= SCHEMA_VERSION {
        return Ok(());
    }
    let needed = noted(connection, "reader_min")?.unwrap_or(found);
    if needed <= SCHEMA_VERSION {
        Ok(())
    } else {
        Err(EngineError::NewerSchema { found, needed, known: SCHEMA_VERSION })
    }
}

/// Leaves a note in a file of a newer schema that this program writes to it.
pub(super) fn note_older_writer(connection: &Connection) -> Result<(), EngineError> {
    if noted(connection, "oldest_writer")?.is_some_and(|oldest| oldest <= SCHEMA_VERSION) {
        return Ok(());
    }
    connection.execute(
        "INSERT OR REPLACE INTO meta (name, value) VALUES ('oldest_writer', ?)",
        [SCHEMA_VERSION.to_string()],
    )?;
    Ok(())
}

/// Has `make_up` fill what an older program left out while it worked on the file, once.
pub(super) fn make_up_for_older_writer(
    connection: &mut Connection,
    make_up: impl FnOnce(&Connection) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    if noted(connection, "oldest_writer")?.is_none() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    make_up(&transaction)?;
    transaction.execute("DELETE FROM meta WHERE name = 'oldest_writer'", [])?;
    transaction.commit()?;
    Ok(())
}

fn noted(connection: &Connection, name: &str) -> Result<Option<i64>, EngineError> {
    let meta: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta')",
        [],
        |row| row.get(0),
    )?;
    if !meta {
        return Ok(None);
    }
    let value = connection.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| row.get(0));
    let value: Option<String> = value.optional()?;
    Ok(value.and_then(|value| value.parse().ok()))
}
