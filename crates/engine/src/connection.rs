//! Opens connections with the settings a store needs: durable, bounded, and safe on a foreign file.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::EngineError;

/// Statements each connection keeps prepared; more than the store has, so none is prepared twice.
const STATEMENTS_CACHED: usize = 96;
/// How long a connection waits for a lock; only a copy being taken can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest read: a reader pins the WAL, which grows without bound meanwhile.
pub(crate) const READ_DEADLINE: Duration = Duration::from_secs(5);
/// Virtual-machine steps between two looks at the clock, about half a millisecond.
const STEPS_PER_LOOK: i32 = 20_000;
/// A WAL left larger than this is cut back after a checkpoint.
const WAL_BYTES_KEPT: i64 = 4 * 1024 * 1024;
/// Pages the WAL may hold before a commit checkpoints it: 16 MiB.
const WAL_PAGES_BEFORE_CHECKPOINT: i64 = 4_096;
/// Page cache of the writer, which is hot by nature.
const WRITER_CACHE_KIB: i64 = 8_000;
/// Page cache of a reader; the operating system caches the rest.
const READER_CACHE_KIB: i64 = 1_000;

/// The one connection that writes. Creates the file when there is none.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, EngineError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: what was acknowledged survives a power cut. Group commit pays for it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_BEFORE_CHECKPOINT)?;
    connection.pragma_update(None, "secure_delete", "FAST")?;
    Ok(connection)
}

/// A connection that cannot write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, EngineError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Interrupts whatever `connection` runs after `deadline`; [`clear_deadline`] takes it back.
pub(crate) fn set_deadline(connection: &Connection, deadline: Duration) -> Result<(), EngineError> {
    let started = Instant::now();
    connection.progress_handler(STEPS_PER_LOOK, Some(move || started.elapsed() > deadline))?;
    Ok(())
}

/// Lets `connection` run as long as it takes.
pub(crate) fn clear_deadline(connection: &Connection) {
    let _ = connection.progress_handler(0, None::<fn() -> bool>);
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, EngineError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}
