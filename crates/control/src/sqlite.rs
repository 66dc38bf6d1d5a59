//! The embedded control plane: one SQLite file; how it is opened, proven ours, read and written.

pub(crate) mod rows;

use std::cell::RefCell;
use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use tenancy::{Environment, TenantId};
use tokio::sync::Semaphore;
use tracing::Instrument;

use stdx::clock::SharedClock;
use stdx::stage::stage;

use crate::audit;
use crate::changes::Feed;
use crate::compatibility::{READER_MIN, require_readable};
use crate::{Actor, Change, ControlError};

/// "EngC"; set by the first migration.
const APPLICATION_ID: i32 = 0x456E_6743;
/// SQLite 3.7.0-3.51.2 can silently lose commits when the WAL is reset while a checkpoint runs.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// Readers at once: look-ups are short and the gateway caches them.
const READERS_MAX: usize = 4;
/// Longest wait for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection; there are fewer in the crate.
const STATEMENTS_MAX: usize = 64;

const MIGRATIONS: &[&str] = &[
    include_str!("sqlite/migrations/0001_control_plane.sql"),
    include_str!("sqlite/migrations/0002_people_and_deletions.sql"),
    include_str!("sqlite/migrations/0003_usage_proof.sql"),
    include_str!("sqlite/migrations/0004_backups.sql"),
];

pub(crate) struct Database {
    shared: Arc<Shared>,
    reader_seats: Arc<Semaphore>,
    clock: SharedClock,
    feed: Arc<Feed>,
}

struct Shared {
    path: PathBuf,
    /// One writer: SQLite allows no second one, and a queue here is fairer than its busy handler.
    writer: Mutex<Connection>,
    idle_readers: Mutex<Vec<Connection>>,
}

/// A transaction that changes state: its time, its audit rows and what followers will be told.
pub(crate) struct WriteTransaction<'a> {
    tx: Transaction<'a>,
    now: Timestamp,
    changes: RefCell<Vec<Change>>,
}

impl Database {
    pub(crate) fn open(
        path: &Path,
        environment: Environment,
        clock: SharedClock,
        feed: Arc<Feed>,
    ) -> Result<Self, ControlError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(ControlError::UntrustedSqlite { found: rusqlite::version() });
        }
        create_folder(path)?;
        let mut writer = connect_to_ours(path)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        migrate(&mut writer)?;
        stamp(&writer, environment)?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                writer: Mutex::new(writer),
                idle_readers: Mutex::default(),
            }),
            reader_seats: Arc::new(Semaphore::new(READERS_MAX)),
            clock,
            feed,
        })
    }

    pub(crate) async fn read<T, F>(&self, question: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ControlError> + Send + 'static,
    {
        let stage = stage!("control_plane");
        let seat = Arc::clone(&self.reader_seats)
            .acquire_owned()
            .instrument(stage.clone())
            .await
            .map_err(|closed| ControlError::Unavailable(closed.to_string()))?;
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            let _seat = seat;
            let idle = shared.idle_readers.lock().pop();
            let reader = match idle {
                Some(reader) => reader,
                None => connect(&shared.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            };
            let answer = question(&reader);
            shared.idle_readers.lock().push(reader);
            answer
        })
        .instrument(stage)
        .await
        .map_err(ControlError::worker)?
    }

    /// Runs `deed` in one transaction; what it announces is told to followers after the commit, even when the
    /// caller has stopped waiting.
    pub(crate) async fn write<T, F>(&self, deed: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&WriteTransaction<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let (now, feed) = (self.clock.now(), Arc::clone(&self.feed));
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            let mut writer = shared.writer.lock();
            let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let transaction = WriteTransaction { tx, now, changes: RefCell::default() };
            let answer = deed(&transaction)?;
            transaction.tx.commit()?;
            feed.publish(transaction.changes.into_inner());
            Ok(answer)
        })
        .instrument(stage!("control_plane"))
        .await
        .map_err(ControlError::worker)?
    }

    /// The time now, by the clock of whoever opened it.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves what was committed out of the log and cuts the log, so that nothing older than the newest state is on
    /// disk. What a reader still looks at stays until another time.
    pub(crate) async fn empty_log(&self) -> Result<(), ControlError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            let writer = shared.writer.lock();
            Ok(writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
        })
        .await
        .map_err(ControlError::worker)?
    }
}

impl WriteTransaction<'_> {
    pub(crate) fn tx(&self) -> &Connection {
        &self.tx
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Writes the audit row of this change and tells followers about it after the commit.
    pub(crate) fn note(
        &self,
        by: &Actor,
        action: &'static str,
        target: &str,
        details: &serde_json::Value,
        change: Change,
    ) -> Result<(), ControlError> {
        audit::sqlite::insert(&self.tx, self.now, None, by, action, target, details)?;
        self.changes.borrow_mut().push(change);
        Ok(())
    }

    /// Tells followers of something that is no change of state.
    pub(crate) fn tell(&self, change: Change) {
        self.changes.borrow_mut().push(change);
    }

    /// The same for a change of one tenant, whose own people may read of it; `None` where nobody caches what
    /// has changed.
    pub(crate) fn note_for(
        &self,
        tenant: &TenantId,
        by: &Actor,
        action: &'static str,
        target: &str,
        details: &serde_json::Value,
        change: Option<Change>,
    ) -> Result<(), ControlError> {
        audit::sqlite::insert(&self.tx, self.now, Some(tenant), by, action, target, details)?;
        self.changes.borrow_mut().extend(change);
        Ok(())
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

fn create_folder(path: &Path) -> Result<(), ControlError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| ControlError::Unavailable(format!("cannot create {}: {error}", folder.display())))
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What is deleted, such as a key, is overwritten where that costs no further page.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Refuses a file that another program made, before anything is written to it.
fn connect_to_ours(path: &Path) -> Result<Connection, ControlError> {
    let not_ours = || ControlError::NotOurs { path: path.display().to_string() };
    let identify = || -> rusqlite::Result<(Connection, i32, i64)> {
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(path, access)?;
        let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((connection, application, tables))
    };
    match identify() {
        Ok((connection, APPLICATION_ID, _) | (connection, 0, 0)) => Ok(connection),
        Ok(_) => Err(not_ours()),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => Err(not_ours()),
        Err(error) => Err(error.into()),
    }
}

/// The newest version this program knows.
pub(crate) fn schema_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn migrate(connection: &mut Connection) -> Result<(), ControlError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = schema_version();
    if found > known {
        let word = connection.query_row(READER_MIN, [], |row| row.get(0)).optional()?;
        return require_readable(found, known, word);
    }
    Migrations::from_iter(MIGRATIONS.iter().map(|sql| M::up(sql)))
        .to_latest(connection)
        .map_err(|error| ControlError::Unavailable(format!("migration failed: {error}")))
}

fn stamp(connection: &Connection, environment: Environment) -> Result<(), ControlError> {
    let stamped: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = 'environment'", [], |row| row.get(0))
        .optional()?;
    match stamped {
        Some(stamped) if stamped == environment.as_str() => Ok(()),
        Some(stamped) => Err(ControlError::wrong_environment(stamped, environment)),
        None => {
            connection.execute(
                "INSERT INTO meta (name, value) VALUES ('environment', ?1)",
                [environment.as_str()],
            )?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_later_migration_says_who_may_go_on() {
        for sql in &MIGRATIONS[4..] {
            assert!(sql.contains("'reader_min'"), "a migration writes reader_min into meta:\n{sql}");
        }
    }
}
