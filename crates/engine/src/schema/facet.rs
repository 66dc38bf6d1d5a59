//! Fills the table `facet` for the memories a store had before it.

use rusqlite::Transaction;
use rusqlite_migration::HookResult;

use crate::{facet, read};

/// Makes the terms of every memory; about a second for each 100,000.
pub(super) fn fill(transaction: &Transaction<'_>) -> HookResult {
    let mut read = transaction.prepare(&format!("SELECT {} FROM memory", read::COLUMNS))?;
    let mut write = transaction.prepare("INSERT INTO facet (rowid, terms) VALUES (?, ?)")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let memory = read::memory_of(row, None).map_err(|error| error.to_string());
        let memory = memory.map_err(rusqlite_migration::HookError::Hook)?;
        write.execute((memory.id, facet::terms(&memory)))?;
    }
    Ok(())
}
