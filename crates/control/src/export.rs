//! The whole control plane as lines of JSON: one line that says what it is, one line for each row, one line that says
//! it is all. The same lines from every backend, so that an export of one is imported into another.

pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod tables;

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Map, Value, json};

use crate::sqlite as sqlite_schema;
use crate::{Backend, Control, ControlError, postgres as postgres_schema};
use tables::Table;

/// What the lines look like; a program reads its own and older ones.
pub(crate) const FORMAT: i64 = 1;
/// The member of the first line that says what follows.
pub(crate) const HEADER: &str = "engram_control_plane";
/// The member of the last line.
pub(crate) const END: &str = "end";
/// Rows that are written at once.
const ROWS_PER_CHUNK: usize = 1_000;

/// Which of the wrapped keys go into an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportedKeys {
    /// All of them; for moving a control plane elsewhere.
    All,
    /// None but the mark that a key is destroyed; for keeping: a key that is destroyed later is in no older export.
    DestroyedOnly,
}

/// Rows that were exported or imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transferred {
    /// All of them.
    pub rows: u64,
    /// By table; those without rows left out.
    pub tables: BTreeMap<&'static str, u64>,
}

impl Control {
    /// Writes the whole control plane as it is at one moment, while others go on to change it, and gives the sink
    /// back, flushed. Holds a few thousand rows at most. `on_progress` hears after each batch how much there was.
    ///
    /// # Errors
    /// [`ControlError::Io`] when the sink fails, [`ControlError::Unavailable`]. What was written then is no export:
    /// its last line is missing.
    pub async fn export<W, P>(
        &self,
        sink: W,
        keys: ExportedKeys,
        on_progress: P,
    ) -> Result<(W, Transferred), ControlError>
    where
        W: Write + Send + 'static,
        P: FnMut(&Transferred) + Send + 'static,
    {
        let outgoing = Outgoing { sink, on_progress, keys, written: Transferred::default() };
        match &self.backend {
            Backend::Sqlite(database) => {
                let now = database.now();
                let header = move |environment: &str| header("sqlite", environment, keys, now);
                database.read(move |reader| sqlite::export(reader, outgoing, header)).await
            }
            Backend::Postgres(database) => {
                let now = database.now();
                let header = move |environment: &str| header("postgres", environment, keys, now);
                postgres::export(database, outgoing, header).await
            }
        }
    }
}

/// The first line.
fn header(backend: &str, environment: &str, keys: ExportedKeys, now: jiff::Timestamp) -> Value {
    let keys = match keys {
        ExportedKeys::All => "all",
        ExportedKeys::DestroyedOnly => "destroyed_only",
    };
    json!({ HEADER: {
        "format": FORMAT,
        "schema": schema_versions(),
        "environment": environment,
        "backend": backend,
        "keys": keys,
        "exported_at": now,
    } })
}

/// The schema versions this program knows, by backend.
pub(crate) fn schema_versions() -> BTreeMap<&'static str, i64> {
    BTreeMap::from([
        ("sqlite", sqlite_schema::schema_version()),
        ("postgres", postgres_schema::schema_version()),
    ])
}

/// An export that is being written.
struct Outgoing<W, P> {
    sink: W,
    on_progress: P,
    keys: ExportedKeys,
    written: Transferred,
}

impl<W: Write, P: FnMut(&Transferred)> Outgoing<W, P> {
    fn line(&mut self, line: &Value) -> Result<(), ControlError> {
        let mut text = line.to_string();
        text.push('\n');
        self.sink.write_all(text.as_bytes()).map_err(failed)
    }

    fn rows(&mut self, table: &Table, rows: Vec<Map<String, Value>>) -> Result<(), ControlError> {
        let count = rows.len() as u64;
        for row in rows {
            self.line(&json!({ "table": table.name, "row": row }))?;
        }
        self.written.add(table.name, count);
        (self.on_progress)(&self.written);
        Ok(())
    }

    fn end(mut self) -> Result<(W, Transferred), ControlError> {
        self.line(&json!({ END: { "rows": self.written.rows } }))?;
        self.sink.flush().map_err(failed)?;
        Ok((self.sink, self.written))
    }
}

impl Transferred {
    pub(crate) fn add(&mut self, table: &'static str, rows: u64) {
        self.rows += rows;
        if rows > 0 {
            *self.tables.entry(table).or_default() += rows;
        }
    }
}

fn failed(error: std::io::Error) -> ControlError {
    ControlError::Io { deed: "write", error }
}
