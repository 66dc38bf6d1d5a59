//! A store as JSON Lines: every memory with its id, its history, its times and versions, and nothing lost but what can be
//! made again (vectors, indexes) and what lives a day (idempotency keys).

pub(crate) mod line;

use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::connection;
use crate::error::EngineError;
use crate::memory::{Memory, MemoryId, RevisionChange};
use crate::store::Store;
use crate::{read, schema, snapshot};
use line::{FORMAT, Header, Kept, Line, Totals, Version, Workspace};

/// Memories between two calls of a progress callback.
const MEMORIES_PER_REPORT: u64 = 256;

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Memories.
    pub memories: u64,
    /// Their earlier versions.
    pub earlier_versions: u64,
    /// Bytes of the lines.
    pub bytes: u64,
}

impl Store {
    /// Writes everything that has not expired to `sink`, as it is at one moment, while writes go on. `on_progress` gets the
    /// memories done and all there are, every 256 and at the end.
    ///
    /// The write-ahead log grows until this returns: for a receiver that may be slow, take a [`snapshot`](Self::snapshot)
    /// and [`export_file`] it.
    ///
    /// # Errors
    /// `Disk`, also for an error of `sink`; `Damaged`.
    pub fn export(
        &self,
        sink: &mut dyn Write,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Exported, EngineError> {
        let connection = connection::open_reader(self.path())?;
        export(&connection, self.now()?, sink, on_progress)
    }
}

/// The same for a file that nobody serves; memories that have expired at `now` are left out. Changes nothing.
///
/// # Errors
/// `Disk`, also for an error of `sink`; `Damaged`; `NewerSchema`; `Internal` for a file of an older schema, which has to be
/// opened as a store first.
pub fn export_file(
    path: &Path,
    now: Timestamp,
    sink: &mut dyn Write,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, EngineError> {
    let connection = snapshot::open_unserved(path)?;
    let found = schema::recognise(&connection)?;
    if found < schema::SCHEMA_VERSION {
        return Err(EngineError::Internal(format!(
            "a file of schema version {found} is opened before it is exported"
        )));
    }
    export(&connection, now, sink, on_progress)
}

fn export(
    connection: &Connection,
    now: Timestamp,
    sink: &mut dyn Write,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, EngineError> {
    let transaction = connection.unchecked_transaction()?;
    let now_ms = now.as_millisecond();
    let all: u64 = transaction.query_row(
        &format!("SELECT count(*) FROM memory WHERE {}", read::ALIVE),
        [now_ms],
        |row| row.get(0),
    )?;
    let mut lines = Lines::new(sink);
    lines.header(now, snapshot::ids_handed_out(&transaction)?)?;
    let mut workspaces = transaction.prepare("SELECT name, created_at FROM workspace ORDER BY id")?;
    let mut rows = workspaces.query([])?;
    while let Some(row) = rows.next()? {
        lines.workspace(row.get(0)?, read::timestamp(row.get(1)?)?)?;
    }
    let mut memories =
        transaction.prepare(&select_kept(&format!("WHERE {} ORDER BY memory.id", read::ALIVE)))?;
    let mut earlier = transaction.prepare(SELECT_EARLIER)?;
    let mut rows = memories.query([now_ms])?;
    while let Some(row) = rows.next()? {
        let (memory, change, position) = kept_of(row)?;
        let (id, version) = (memory.id, memory.version);
        lines.memory(Version::of(memory, change), position)?;
        if version > 1 {
            let mut rows = earlier.query([id])?;
            while let Some(row) = rows.next()? {
                let (memory, change) = earlier_of(row)?;
                lines.earlier(Version::of(memory, change))?;
            }
        }
        if lines.written.memories.is_multiple_of(MEMORIES_PER_REPORT) {
            on_progress(lines.written.memories, all);
        }
    }
    let written = lines.end(Vec::new())?;
    on_progress(written.memories, all);
    Ok(written)
}

/// The columns [`kept_of`] reads.
pub(crate) fn select_kept(rest: &str) -> String {
    format!(
        "SELECT {}, memory.change, coalesce((SELECT position FROM fact WHERE memory_id = memory.id), 0) \
         FROM memory {rest}",
        read::COLUMNS
    )
}

/// What [`earlier_of`] reads; newest first.
pub(crate) const SELECT_EARLIER: &str =
    "SELECT body, change FROM memory_version WHERE memory_id = ? ORDER BY version DESC";

pub(crate) fn kept_of(row: &Row<'_>) -> Result<(Memory, RevisionChange, u32), EngineError> {
    let change = RevisionChange::parse(row.get_ref(22)?.as_str().unwrap_or_default());
    Ok((read::memory_of(row, None)?, change, row.get(23)?))
}

pub(crate) fn earlier_of(row: &Row<'_>) -> Result<(Memory, RevisionChange), EngineError> {
    let memory = read::json(row.get_ref(0)?.as_str().unwrap_or_default())?;
    Ok((memory, RevisionChange::parse(row.get_ref(1)?.as_str().unwrap_or_default())))
}

/// Writes lines, and counts them.
pub(crate) struct Lines<'s> {
    sink: &'s mut dyn Write,
    line: Vec<u8>,
    pub(crate) written: Exported,
}

impl<'s> Lines<'s> {
    pub(crate) fn new(sink: &'s mut dyn Write) -> Self {
        Self { sink, line: Vec::new(), written: Exported::default() }
    }

    pub(crate) fn header(&mut self, now: Timestamp, ids_handed_out: MemoryId) -> Result<(), EngineError> {
        self.put(&Line::Export(Header {
            format: FORMAT,
            schema_version: schema::SCHEMA_VERSION,
            exported_at: now,
            ids_handed_out,
        }))
    }

    pub(crate) fn workspace(&mut self, name: String, created_at: Timestamp) -> Result<(), EngineError> {
        self.put(&Line::Workspace(Workspace { name, created_at }))
    }

    pub(crate) fn memory(&mut self, current: Version, position: u32) -> Result<(), EngineError> {
        self.put(&Line::Memory(Box::new(Kept { current, position })))?;
        self.written.memories += 1;
        Ok(())
    }

    pub(crate) fn earlier(&mut self, version: Version) -> Result<(), EngineError> {
        self.put(&Line::Earlier(Box::new(version)))?;
        self.written.earlier_versions += 1;
        Ok(())
    }

    pub(crate) fn end(mut self, lost: Vec<MemoryId>) -> Result<Exported, EngineError> {
        let Exported { memories, earlier_versions, .. } = self.written;
        self.put(&Line::End(Totals { memories, earlier_versions, lost }))?;
        self.sink.flush().map_err(|error| EngineError::Disk(error.to_string()))?;
        Ok(self.written)
    }

    fn put(&mut self, line: &Line) -> Result<(), EngineError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)
            .map_err(|error| EngineError::Internal(error.to_string()))?;
        self.line.push(b'\n');
        self.written.bytes += self.line.len() as u64;
        self.sink.write_all(&self.line).map_err(|error| EngineError::Disk(error.to_string()))
    }
}
