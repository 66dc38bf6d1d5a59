//! Keeps count of what is stored while it changes, and refuses what would go beyond a bound.
//!
//! The counts live beside the connection and are written once a group, in its transaction. Pages are counted at the
//! end of an operation, within its savepoint, and not left to `max_page_count`: SQLite answers that with SQLITE_FULL,
//! which takes everybody else's operations of the transaction back with it.

use std::collections::{BTreeSet, HashSet};

use rusqlite::Connection;

use super::{PURGED_PER_CALL_MAX, Session};
use crate::bounds::{Bound, Bounds, Tally};
use crate::error::EngineError;
use crate::memory::MemoryId;

/// What the row `tally` says, and how much of it the operation at work has added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) memories: u64,
    pub(crate) workspaces: u64,
}

/// The operation at work: what it may do, and what it did so far.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    bounds: Bounds,
    added: Counts,
    /// Pages in use when it began; 0 when they are not bounded.
    pages_before: u64,
    /// Length of the list of changes when it began: a longer one tells that something was written.
    changes_before: usize,
}

/// A store below this part of its bound is not counted to the page: postings that are kept back take at most some five times
/// the room of their rows, which are counted (short tags, each a term of twelve digits).
const FAR_FROM_BOUND: u64 = 8;

impl Counts {
    pub(crate) fn read(connection: &Connection) -> Result<Self, EngineError> {
        Ok(connection
            .prepare_cached("SELECT memories, workspaces FROM tally")?
            .query_row([], |row| Ok(Self { memories: row.get(0)?, workspaces: row.get(1)? }))?)
    }

    pub(crate) fn save(self, connection: &Connection) -> Result<(), EngineError> {
        connection
            .prepare_cached("UPDATE tally SET memories = ?, workspaces = ?")?
            .execute((self.memories, self.workspaces))?;
        Ok(())
    }
}

impl Session<'_> {
    /// Starts an operation that may add, within `bounds`.
    pub(super) fn begin_within(&mut self, bounds: Bounds) -> Result<(), EngineError> {
        let pages_before = match bounds.file_bytes {
            Some(_) => pages_in_use(self.connection)?,
            None => 0,
        };
        let changes_before = self.changes.len();
        self.allowance = Allowance { bounds, added: Counts::default(), pages_before, changes_before };
        Ok(())
    }

    /// Ends an operation that may have added: its pages are within their bound, or it is refused. One that wrote
    /// nothing is never refused.
    pub(super) fn end_within(&mut self) -> Result<(), EngineError> {
        if self.changes.len() > self.allowance.changes_before {
            self.end_within_whatever_was_written()?;
        }
        Ok(())
    }

    /// The same for an operation that may have written rows of which the index holds nothing.
    pub(super) fn end_within_whatever_was_written(&mut self) -> Result<(), EngineError> {
        let Some(limit) = self.allowance.bounds.file_bytes else { return Ok(()) };
        if pages_in_use(self.connection)? * page_bytes(self.connection)? < limit / FAR_FROM_BOUND {
            return Ok(());
        }
        self.write_postings()?;
        // FTS5 keeps what it is given until a savepoint; without this its pages would be the next one's.
        self.connection.prepare_cached("SAVEPOINT written")?.execute([])?;
        self.connection.prepare_cached("RELEASE written")?.execute([])?;
        let page_bytes = page_bytes(self.connection)?;
        if pages_in_use(self.connection)? * page_bytes <= limit {
            return Ok(());
        }
        let current = self.allowance.pages_before * page_bytes;
        Err(EngineError::BoundReached { what: Bound::FileBytes, current, limit })
    }

    /// Counts one more memory, or refuses it. Call it before the row is there.
    pub(super) fn count_memory(&mut self) -> Result<(), EngineError> {
        if let Some(limit) = self.allowance.bounds.memories
            && self.counts.memories >= limit
        {
            self.purge(1)?;
            if self.counts.memories >= limit {
                let current = self.counts.memories - self.allowance.added.memories;
                return Err(EngineError::BoundReached { what: Bound::Memories, current, limit });
            }
        }
        self.counts.memories += 1;
        self.allowance.added.memories += 1;
        Ok(())
    }

    /// Counts a workspace that gets its first memory, or refuses it.
    pub(super) fn count_workspace(&mut self, id: i64) -> Result<(), EngineError> {
        if let Some(limit) = self.allowance.bounds.workspaces
            && self.counts.workspaces >= limit
        {
            self.purge(PURGED_PER_CALL_MAX)?;
            if self.counts.workspaces >= limit {
                let current = self.counts.workspaces - self.allowance.added.workspaces;
                return Err(EngineError::BoundReached { what: Bound::Workspaces, current, limit });
            }
        }
        self.counts.workspaces += 1;
        self.allowance.added.workspaces += 1;
        self.occupied.insert(id);
        Ok(())
    }

    /// Whether a workspace holds a memory, expired or not.
    pub(super) fn is_occupied(&mut self, workspace_id: i64) -> Result<bool, EngineError> {
        if self.occupied.contains(&workspace_id) {
            return Ok(true);
        }
        let occupied = self
            .connection
            .prepare_cached("SELECT 1 FROM memory WHERE workspace_id = ? LIMIT 1")?
            .exists([workspace_id])?;
        if occupied {
            self.occupied.insert(workspace_id);
        }
        Ok(occupied)
    }

    /// Brings the counts up to date after memories left these workspaces.
    pub(super) fn count_left(
        &mut self,
        workspaces: impl IntoIterator<Item = i64>,
    ) -> Result<(), EngineError> {
        for id in workspaces {
            self.occupied.remove(&id);
            if !self.is_occupied(id)? {
                self.counts.workspaces = self.counts.workspaces.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Removes up to `max` expired memories.
    pub(super) fn purge(&mut self, max: i64) -> Result<u64, EngineError> {
        let ids: Vec<MemoryId> = self
            .connection
            .prepare_cached("SELECT id FROM memory WHERE expires_at <= ? ORDER BY expires_at LIMIT ?")?
            .query_map((self.now_ms, max), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        self.remove_all(&ids)?;
        Ok(ids.len() as u64)
    }
}

/// Workspaces known to hold a memory.
pub(super) type Occupied = HashSet<i64>;

/// Workspaces that memories were taken from.
pub(super) type Left = BTreeSet<i64>;

/// How much the store holds.
pub(crate) fn tally(connection: &Connection) -> Result<Tally, EngineError> {
    let Counts { memories, workspaces } = Counts::read(connection)?;
    let file_bytes = pages_in_use(connection)? * page_bytes(connection)?;
    Ok(Tally { memories, workspaces, file_bytes })
}

fn pages_in_use(connection: &Connection) -> Result<u64, EngineError> {
    let number = |sql| -> Result<u64, EngineError> {
        Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    };
    Ok(number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?))
}

fn page_bytes(connection: &Connection) -> Result<u64, EngineError> {
    Ok(connection.prepare_cached("PRAGMA page_size")?.query_row([], |row| row.get(0))?)
}
