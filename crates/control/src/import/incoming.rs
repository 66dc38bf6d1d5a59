//! The lines of an export, read and checked.

use std::io::{BufRead, Read};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Imported;
use crate::ControlError;
use crate::export::tables::{TABLES, Table};
use crate::export::{END, FORMAT, HEADER, Transferred, schema_versions};

/// Longest line: rows are a few hundred bytes, and what people wrote into them is bounded far below.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows that are stored at once.
const BATCH_ROWS_MAX: usize = 1_000;
/// Bytes of lines after which a batch is full.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

const CUT_OFF: &str = "it ends here, before its last line";
const NO_EXPORT: &str = "this is no export of a control plane";
const NEWER: &str = "a newer engram wrote it; import it with that version";

/// An export that is being read.
pub(super) struct Incoming<R, P> {
    source: R,
    on_progress: P,
    /// Lines read.
    line: u64,
    /// Rows read.
    rows: u64,
    /// Whether the last line was read.
    ended: bool,
    /// A row that belongs to the next batch.
    held: Option<ReadRow>,
    /// Where the newest row's table is among all.
    place: usize,
    pub(super) header: Header,
    read: Transferred,
}

/// What the first line says.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) environment: String,
    pub(super) exported_at: Timestamp,
}

/// Rows of one table.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) table: &'static Table,
    /// Each with its line.
    pub(super) rows: Vec<(u64, Map<String, Value>)>,
}

struct ReadRow {
    table: &'static Table,
    row: Map<String, Value>,
    line: u64,
    bytes: usize,
}

impl<R: BufRead, P: FnMut(&Transferred)> Incoming<R, P> {
    /// Reads the first line.
    pub(super) fn open(mut source: R, on_progress: P) -> Result<Self, ControlError> {
        let (mut line, no_export) = (0, || ControlError::BadExport { line: 1, why: NO_EXPORT.to_owned() });
        let first = match read_line(&mut source, &mut line) {
            Ok(Some((first, _))) => first,
            Ok(None) | Err(ControlError::BadExport { .. }) => return Err(no_export()),
            Err(error) => return Err(error),
        };
        let header = Header::read(first.get(HEADER).ok_or_else(no_export)?)?;
        let read = Transferred::default();
        Ok(Self { source, on_progress, line, rows: 0, ended: false, held: None, place: 0, header, read })
    }

    /// The next rows; `None` after the last line.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, ControlError> {
        let Some(first) = self.held.take().map_or_else(|| self.next_row(), |held| Ok(Some(held)))? else {
            return Ok(None);
        };
        let (table, mut bytes) = (first.table, first.bytes);
        let mut rows = vec![(first.line, first.row)];
        while rows.len() < BATCH_ROWS_MAX && bytes < BATCH_BYTES_MAX {
            match self.next_row()? {
                Some(row) if row.table.name == table.name => {
                    bytes += row.bytes;
                    rows.push((row.line, row.row));
                }
                other => {
                    self.held = other;
                    break;
                }
            }
        }
        Ok(Some(Batch { table, rows }))
    }

    /// The number of the newest line.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Notes that rows are stored.
    pub(super) fn stored(&mut self, table: &'static str, rows: usize) {
        self.read.add(table, rows as u64);
        (self.on_progress)(&self.read);
    }

    /// What is said of all of it when the last batch is stored.
    pub(super) fn imported(self) -> Imported {
        let Header { environment, exported_at } = self.header;
        Imported { exported_at, environment, transferred: self.read }
    }

    /// The next row; `None` after the last line.
    fn next_row(&mut self) -> Result<Option<ReadRow>, ControlError> {
        if self.ended {
            return Ok(None);
        }
        let Some((mut value, bytes)) = read_line(&mut self.source, &mut self.line)? else {
            return Err(ControlError::BadExport { line: self.line + 1, why: CUT_OFF.to_owned() });
        };
        if let Some(end) = value.get(END) {
            self.end(end.get("rows").and_then(Value::as_u64))?;
            return Ok(None);
        }
        let name = value.get("table").and_then(Value::as_str).unwrap_or("");
        let Some(place) = TABLES.iter().position(|known| known.name == name) else {
            return Err(self.bad(format!("there is no table {name:?}")));
        };
        if place < self.place {
            return Err(self.bad(format!("rows of {name} come earlier in an export")));
        }
        let table = &TABLES[place];
        let Some(Value::Object(row)) = value.get_mut("row").map(Value::take) else {
            return Err(self.bad("there is no row in it".to_owned()));
        };
        table.check(&row).map_err(|why| self.bad(why))?;
        self.place = place;
        self.rows += 1;
        Ok(Some(ReadRow { table, row, line: self.line, bytes }))
    }

    /// Reads the last line, which tells how many rows there were, and looks whether it is the last one.
    fn end(&mut self, rows: Option<u64>) -> Result<(), ControlError> {
        if rows != Some(self.rows) {
            let found = self.rows;
            return Err(
                self.bad(format!("there should be {} rows, and there are {found}", rows.unwrap_or(0)))
            );
        }
        self.ended = true;
        match read_line(&mut self.source, &mut self.line)? {
            None => Ok(()),
            Some(_) => Err(self.bad("there is more after the last line".to_owned())),
        }
    }

    fn bad(&self, why: String) -> ControlError {
        ControlError::BadExport { line: self.line, why }
    }
}

impl Header {
    fn read(header: &Value) -> Result<Self, ControlError> {
        let bad = |why: &str| ControlError::BadExport { line: 1, why: why.to_owned() };
        let format = header.get("format").and_then(Value::as_i64).ok_or_else(|| bad(NO_EXPORT))?;
        let newer = |(backend, known): (&str, i64)| {
            let version = header.get("schema").and_then(|versions| versions.get(backend));
            version.and_then(Value::as_i64).is_some_and(|version| version > known)
        };
        if format > FORMAT || schema_versions().into_iter().any(newer) {
            return Err(bad(NEWER));
        }
        let text = |field: &str| header.get(field).and_then(Value::as_str).ok_or_else(|| bad(NO_EXPORT));
        Ok(Self {
            environment: text("environment")?.to_owned(),
            exported_at: text("exported_at")?.parse().map_err(|_| bad(NO_EXPORT))?,
        })
    }
}

/// A line as JSON, and its length in bytes; `None` at the end.
fn read_line(source: &mut impl BufRead, line: &mut u64) -> Result<Option<(Value, usize)>, ControlError> {
    let mut bytes = Vec::new();
    let read = source.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes);
    let read = read.map_err(|error| ControlError::Io { deed: "read", error })?;
    if read == 0 {
        return Ok(None);
    }
    *line += 1;
    let bad = |why: String| ControlError::BadExport { line: *line, why };
    if read > LINE_BYTES_MAX {
        return Err(bad(format!("it is longer than {LINE_BYTES_MAX} bytes")));
    }
    if !bytes.ends_with(b"\n") {
        return Err(bad(CUT_OFF.to_owned()));
    }
    let value = serde_json::from_slice(&bytes).map_err(|error| bad(format!("it is no JSON: {error}")))?;
    Ok(Some((value, read)))
}
