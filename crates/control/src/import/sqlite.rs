//! The rows of an export, stored in SQLite.

use std::io::BufRead;

use jiff::Timestamp;
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, ErrorCode, params_from_iter};
use serde_json::{Map, Value};
use stdx::hex;

use super::incoming::{Batch, Incoming};
use super::{ACTION, Imported, OtherEnvironment, TARGET};
use crate::export::Transferred;
use crate::export::sqlite::environment;
use crate::export::tables::{Column, Kind, SEEDED, TABLES, Table};
use crate::sqlite::WriteTransaction;
use crate::{Actor, Change, ControlError, audit};

pub(super) fn import<R: BufRead, P: FnMut(&Transferred)>(
    deed: &WriteTransaction<'_>,
    mut incoming: Incoming<R, P>,
    other: OtherEnvironment,
    by: &Actor,
) -> Result<Imported, ControlError> {
    let tx = deed.tx();
    other.check(&incoming.header.environment, &environment(tx)?)?;
    require_empty(tx)?;
    // A key may refer to one that comes later; `check_references` looks when all are there.
    tx.pragma_update(None, "defer_foreign_keys", true)?;
    tx.execute(&format!("DELETE FROM {SEEDED}"), [])?;
    while let Some(Batch { table, rows }) = incoming.next_batch()? {
        let mut insert = tx.prepare_cached(&insert(table))?;
        for (line, row) in &rows {
            let columns = params_from_iter(table.columns.iter().map(|column| stored(column, row)));
            insert.execute(columns).map_err(|error| refused(*line, error))?;
        }
        incoming.stored(table.name, rows.len());
    }
    check_references(tx, incoming.line())?;
    let imported = incoming.imported();
    audit::sqlite::insert(tx, deed.now(), None, by, ACTION, TARGET, &imported.details())?;
    deed.tell(Change::Everything);
    Ok(imported)
}

fn require_empty(tx: &Connection) -> Result<(), ControlError> {
    for Table { name, .. } in TABLES.iter().filter(|table| table.name != SEEDED) {
        let used = tx.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {name})"), [], |row| row.get(0))?;
        if used {
            return Err(ControlError::NotEmpty { table: name });
        }
    }
    Ok(())
}

fn check_references(tx: &Connection, last: u64) -> Result<(), ControlError> {
    let mut check = tx.prepare("PRAGMA foreign_key_check")?;
    let mut broken = check.query([])?;
    let Some(row) = broken.next()? else { return Ok(()) };
    let (from, to): (String, String) = (row.get(0)?, row.get(2)?);
    Err(ControlError::BadExport { line: last, why: format!("a row of {from} has no row of {to}") })
}

fn insert(table: &Table) -> String {
    let places = vec!["?"; table.columns.len()].join(", ");
    format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.column_names())
}

/// A value as SQLite has it; what does not parse was refused when it was read.
fn stored(column: &Column, row: &Map<String, Value>) -> Stored {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let stored = row.get(column.name).filter(|value| !value.is_null()).and_then(|value| match column.kind {
        Kind::Text | Kind::Day | Kind::Uuid => text(value).map(Stored::Text),
        Kind::Int => value.as_i64().map(Stored::Integer),
        Kind::Time => {
            let at = value.as_str()?.parse::<Timestamp>().ok()?;
            Some(Stored::Integer(at.as_millisecond()))
        }
        Kind::Json => Some(Stored::Text(value.to_string())),
        Kind::Bytes => hex::decode(value.as_str()?).map(Stored::Blob),
    });
    stored.unwrap_or(Stored::Null)
}

/// The line that broke a rule of its table.
fn refused(line: u64, error: rusqlite::Error) -> ControlError {
    if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
        return ControlError::BadExport { line, why: error.to_string() };
    }
    error.into()
}
