//! What can still be read of a damaged file, as the lines of an export. An import stores them like any other.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use crate::error::EngineError;
use crate::export::line::Version;
use crate::export::{Lines, SELECT_EARLIER, earlier_of, kept_of, select_kept};
use crate::memory::{MemoryId, check_workspace};
use crate::{read, snapshot};

/// Ids tried one by one when nothing in the file can list them any more.
const IDS_TRIED_MAX: MemoryId = 10_000_000;
/// Lost memories that the last line names.
const LOST_NAMED_MAX: usize = 10_000;
/// Whatever names memories: the table from either end, its indexes, and the table beside it. Each is read up to its first
/// damaged page, so together they miss few.
const LISTS_OF_IDS: [&str; 5] = [
    "SELECT id FROM memory ORDER BY id",
    "SELECT id FROM memory ORDER BY id DESC",
    "SELECT id FROM memory INDEXED BY memory_by_workspace WHERE workspace_id > 0",
    "SELECT id FROM memory INDEXED BY memory_by_model ORDER BY model_id",
    "SELECT memory_id FROM fact",
];

/// What was saved of a damaged file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Memories that were read.
    pub memories: u64,
    /// Their earlier versions that were read.
    pub earlier_versions: u64,
    /// Memories the file still names and that cannot be read.
    pub lost: Vec<MemoryId>,
}

/// A damaged file of which something can be read.
#[derive(Debug)]
pub struct Wreck(Connection);

impl Wreck {
    /// Opens the file at `path`, which must be a copy that nobody else uses, with its sidecars: what they hold is brought
    /// into it.
    ///
    /// # Errors
    /// `Damaged` when not even the list of tables can be read; `Disk`.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        open(path).map(Self)
    }

    /// Writes what can be read to `sink`, without memories that have expired at `now`.
    ///
    /// # Errors
    /// `Disk`, also for an error of `sink`.
    pub fn salvage(&self, now: Timestamp, sink: &mut dyn Write) -> Result<Salvaged, EngineError> {
        let connection = &self.0;
        let (ids, listed) = ids_in(connection);
        let handed_out = snapshot::ids_handed_out(connection).unwrap_or(0);
        let highest = handed_out.max(ids.last().copied().unwrap_or(0));
        let mut lines = Lines::new(sink);
        lines.header(now, highest)?;
        for (name, created_at) in workspaces_in(connection) {
            lines.workspace(name, created_at)?;
        }
        let mut saved = Salvaged::default();
        let tried: Box<dyn Iterator<Item = MemoryId>> = match listed {
            Listed::Whole => Box::new(ids.iter().copied()),
            Listed::InPart => Box::new(1..=highest.min(IDS_TRIED_MAX)),
        };
        for id in tried {
            match memory(connection, id) {
                Some((kept, _)) if kept.expires_at.is_some_and(|at| at <= now) => {}
                Some((kept, position)) => {
                    let below = kept.version;
                    lines.memory(kept, position)?;
                    for earlier in earlier_versions(connection, id, below) {
                        lines.earlier(earlier)?;
                    }
                }
                None if ids.contains(&id) => saved.lost.push(id),
                None => {}
            }
        }
        let named = saved.lost.iter().take(LOST_NAMED_MAX).copied().collect();
        let written = lines.end(named)?;
        (saved.memories, saved.earlier_versions) = (written.memories, written.earlier_versions);
        Ok(saved)
    }
}

/// Whether some list of ids was read to its end.
enum Listed {
    Whole,
    InPart,
}

/// With the log if that can be read, else without.
fn open(path: &Path) -> Result<Connection, EngineError> {
    let with_log = || -> Result<Connection, EngineError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        usable(Connection::open_with_flags(path, flags)?)
    };
    with_log().or_else(|_| usable(snapshot::open_unserved(path)?))
}

fn usable(connection: Connection) -> Result<Connection, EngineError> {
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Reads the list of tables, without which nothing else can be read.
    connection.prepare("SELECT id FROM memory")?;
    Ok(connection)
}

fn ids_in(connection: &Connection) -> (BTreeSet<MemoryId>, Listed) {
    let (mut ids, mut listed) = (BTreeSet::new(), Listed::InPart);
    for list in LISTS_OF_IDS {
        let mut read = || -> Result<(), rusqlite::Error> {
            let mut statement = connection.prepare(list)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id: MemoryId = row.get(0)?;
                if id > 0 {
                    ids.insert(id);
                }
            }
            Ok(())
        };
        if read().is_ok() {
            listed = Listed::Whole;
        }
    }
    (ids, listed)
}

fn workspaces_in(connection: &Connection) -> Vec<(String, Timestamp)> {
    let mut found = Vec::new();
    let mut read = || -> Result<(), EngineError> {
        let mut statement = connection.prepare("SELECT name, created_at FROM workspace ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, created_at): (String, _) = (row.get(0)?, read::timestamp(row.get(1)?)?);
            let mut problems = Vec::new();
            check_workspace(&name, &mut problems);
            if problems.is_empty() {
                found.push((name, created_at));
            }
        }
        Ok(())
    };
    // Up to the damage; a workspace with memories is made again by them.
    let _ = read();
    found
}

/// A memory that is whole and within the rules, and its place in its session.
fn memory(connection: &Connection, id: MemoryId) -> Option<(Version, u32)> {
    let whole = select_kept("WHERE memory.id = ?");
    let alone = whole
        .replace(read::WORKSPACE_NAME, "'workspace-' || memory.workspace_id")
        .replace("(SELECT position FROM fact WHERE memory_id = memory.id)", "0");
    [whole, alone].iter().find_map(|sql| {
        let found = connection.prepare_cached(sql).ok()?.query_row([id], |row| Ok(kept_of(row))).ok()?;
        let (memory, change, position) = found.ok()?;
        let version = Version::of(memory, change);
        (version.id == id && version.problems().is_empty()).then_some((version, position))
    })
}

/// Earlier versions that are whole, newest first, up to the damage.
fn earlier_versions(connection: &Connection, id: MemoryId, below: i64) -> Vec<Version> {
    let mut found: Vec<Version> = Vec::new();
    let mut read = || -> Result<(), EngineError> {
        let mut statement = connection.prepare_cached(SELECT_EARLIER)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let Ok((memory, change)) = earlier_of(row) else { continue };
            let version = Version::of(memory, change);
            let newer = found.last().map_or(below, |newer| newer.version);
            if version.id == id && version.version < newer && version.problems().is_empty() {
                found.push(version);
            }
        }
        Ok(())
    };
    let _ = read();
    found
}
