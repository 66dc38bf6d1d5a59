//! Fills the table `facet` for the memories a store had before it, or got from a program that does not know it.

use rusqlite::{Connection, Transaction};
use rusqlite_migration::HookResult;

use crate::error::EngineError;
use crate::{facet, read};

/// Makes the terms of every memory.
pub(super) fn fill(transaction: &Transaction<'_>) -> HookResult {
    put_all(transaction).map_err(|error| rusqlite_migration::HookError::Hook(error.to_string()))
}

/// Makes the terms of every memory anew.
pub(super) fn refill(connection: &Connection) -> Result<(), EngineError> {
    connection.execute("INSERT INTO facet (facet) VALUES ('delete-all')", [])?;
    put_all(connection)
}

fn put_all(connection: &Connection) -> Result<(), EngineError> {
    let mut read = connection.prepare(&format!("SELECT {} FROM memory", read::COLUMNS))?;
    let mut write = connection.prepare("INSERT INTO facet (rowid, terms) VALUES (?, ?)")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let memory = read::memory_of(row, None)?;
        write.execute((memory.id, facet::terms(&memory)))?;
    }
    Ok(())
}
