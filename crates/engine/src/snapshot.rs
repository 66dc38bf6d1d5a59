//! Copies of a store while it is written to, and what can be said of a file that nobody serves: what is in it, and
//! whether it is whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::connection;
use crate::error::EngineError;
use crate::integrity;
use crate::memory::MemoryId;
use crate::read;
use crate::schema;
use crate::store::Store;

/// Pages that are copied between two syncs: 2 MiB.
const PAGES_PER_STEP: i32 = 512;
/// The longest rest after a sync, which is as long as the sync took: half of the disk's time is the writers'.
const REST_MAX: Duration = Duration::from_millis(5);

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Version of its schema.
    pub schema_version: i64,
    /// The highest memory id it has given out.
    pub ids_handed_out: i64,
    /// Every table.
    pub tables: BTreeMap<String, TableRows>,
    /// BLAKE3 over the names and hashes of all tables, in hexadecimal.
    pub content_hash: String,
}

/// What is in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRows {
    /// How many.
    pub rows: u64,
    /// BLAKE3 of all values in the order of the primary key, in hexadecimal.
    pub hash: String,
}

impl FileFacts {
    /// Memories in the file, expired ones included.
    pub fn memories(&self) -> u64 {
        self.tables.get("memory").map_or(0, |table| table.rows)
    }
}

impl Store {
    /// Copies the store as it is at one moment to the new file `to`, while writes go on.
    ///
    /// # Errors
    /// `Disk`, `Damaged`.
    pub fn snapshot(&self, to: &Path) -> Result<(), EngineError> {
        copy_file(self.path(), to)
    }

    /// The highest memory id that was ever given out.
    ///
    /// # Errors
    /// `Disk`, `Damaged`.
    pub fn ids_handed_out(&self) -> Result<MemoryId, EngineError> {
        self.read(ids_handed_out)
    }

    /// From now on new memories get ids above `taken`, if they do not already.
    ///
    /// # Errors
    /// `Disk`.
    pub fn keep_ids_above(&self, taken: MemoryId) -> Result<(), EngineError> {
        self.write(move |session| session.keep_ids_above(taken))
    }

    /// Memories with an id of at most `id`, expired ones included.
    ///
    /// # Errors
    /// `DeadlineExceeded`, `Disk`.
    pub fn count_up_to(&self, id: MemoryId) -> Result<u64, EngineError> {
        self.read(|connection| read::count_up_to(connection, id))
    }
}

/// Copies the store at `from`, as it is at one moment, to the new file `to`; writes go on meanwhile.
///
/// # Errors
/// `Disk`, also when `to` is there already; `Damaged`.
pub fn copy_file(from: &Path, to: &Path) -> Result<(), EngineError> {
    let failed = |error: std::io::Error| EngineError::Disk(format!("{}: {error}", to.display()));
    let file = File::options().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let copied = copy_pages(from, to, || file.sync_data().map_err(failed));
    let synced = copied.and_then(|()| file.sync_all().map_err(failed));
    synced.inspect_err(|_| {
        // Part of a copy only takes room that is scarce.
        let _ = std::fs::remove_file(to);
    })
}

fn copy_pages(from: &Path, to: &Path, sync: impl Fn() -> Result<(), EngineError>) -> Result<(), EngineError> {
    let source = connection::open_reader(from)?;
    // One read transaction for all steps: with one for each, any write in between starts the copy over (2,799 times in
    // 30 s were seen).
    let reading = source.unchecked_transaction()?;
    reading.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to, flags)?;
    // Nobody reads the copy before it is whole and synced: a journal would only be work.
    target.pragma_update(None, "journal_mode", "OFF")?;
    target.pragma_update(None, "synchronous", "OFF")?;
    let copying = Backup::new(&source, &mut target)?;
    loop {
        match copying.step(PAGES_PER_STEP)? {
            StepResult::Done => return Ok(()),
            // Little by little: all of it at the end makes the commits of others wait for hundreds of megabytes.
            StepResult::More => {
                let began = Instant::now();
                sync()?;
                std::thread::sleep(began.elapsed().min(REST_MAX));
            }
            other => return Err(EngineError::Internal(format!("a copy was stopped: {other:?}"))),
        }
    }
}

/// What is in a file that nobody serves, at the file's own schema version. Reads every row; changes nothing.
///
/// # Errors
/// `Damaged`, `Disk`.
pub fn examine(path: &Path) -> Result<FileFacts, EngineError> {
    let connection = open_unserved(path)?;
    let mut statement = connection.prepare(
        "SELECT name, wr FROM pragma_table_list
         WHERE schema = 'main' AND type IN ('table', 'shadow') AND name <> 'sqlite_schema' ORDER BY name",
    )?;
    let names: Vec<(String, bool)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut tables = BTreeMap::new();
    let mut whole = blake3::Hasher::new();
    for (name, without_rowid) in names {
        let table = rows_of(&connection, &name, without_rowid)?;
        whole.update(name.as_bytes()).update(b"\0").update(table.hash.as_bytes()).update(b"\0");
        tables.insert(name, table);
    }
    Ok(FileFacts {
        schema_version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
        ids_handed_out: ids_handed_out(&connection)?,
        tables,
        content_hash: whole.finalize().to_hex().to_string(),
    })
}

/// Whether a file that nobody serves is a store of ours, not of a newer version, and whole in itself: every page, index
/// and reference. Reads everything; changes nothing.
///
/// # Errors
/// `Damaged` with what was found, `NewerSchema`, `Disk`.
pub fn prove(path: &Path) -> Result<(), EngineError> {
    let connection = open_unserved(path)?;
    schema::recognise(&connection)?;
    let problems = integrity::problems(&connection)?;
    if problems.is_empty() { Ok(()) } else { Err(EngineError::Damaged(problems.join("; "))) }
}

/// The highest memory id that was ever given out.
pub(crate) fn ids_handed_out(connection: &Connection) -> Result<i64, EngineError> {
    let known: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('sqlite_sequence', 'memory')",
        [],
        |row| row.get(0),
    )?;
    if known < 2 {
        return Ok(0);
    }
    let found =
        connection.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'memory'", [], |row| row.get(0));
    Ok(found.optional()?.unwrap_or(0))
}

/// Without locks and sidecars: only for files that no connection writes to.
pub(crate) fn open_unserved(path: &Path) -> Result<Connection, EngineError> {
    let absolute = std::path::absolute(path).map_err(|error| EngineError::Disk(error.to_string()))?;
    let mut url = String::from("file:");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                url.push(char::from(*byte))
            }
            other => write!(url, "%{other:02X}").map_err(|error| EngineError::Internal(error.to_string()))?,
        }
    }
    url.push_str("?mode=ro&immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(url, flags)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn rows_of(connection: &Connection, table: &str, without_rowid: bool) -> Result<TableRows, EngineError> {
    let quoted = format!("\"{}\"", table.replace('"', "\"\""));
    let order = if without_rowid { primary_key(connection, table)? } else { "rowid".to_owned() };
    let shown = if without_rowid { "*" } else { "rowid, *" };
    let mut statement = connection.prepare(&format!("SELECT {shown} FROM {quoted} ORDER BY {order}"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut hash = blake3::Hasher::new();
    let mut line = Vec::new();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        line.clear();
        for column in 0..columns {
            append(&mut line, row.get_ref(column)?);
        }
        hash.update(&line);
        count += 1;
    }
    Ok(TableRows { rows: count, hash: hash.finalize().to_hex().to_string() })
}

fn primary_key(connection: &Connection, table: &str) -> Result<String, EngineError> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk")?;
    let names =
        statement.query_map([table], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    Ok(quoted.join(", "))
}

/// Its kind, its length where it has one, its bytes: two different rows never give the same line.
fn append(line: &mut Vec<u8>, value: ValueRef<'_>) {
    let sized = |line: &mut Vec<u8>, kind: u8, bytes: &[u8]| {
        line.push(kind);
        line.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        line.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Null => line.push(0),
        ValueRef::Integer(number) => {
            line.push(1);
            line.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            line.push(2);
            line.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => sized(line, 3, text),
        ValueRef::Blob(bytes) => sized(line, 4, bytes),
    }
}
