//! The rows of a control plane in SQLite, as an export has them.

use std::io::Write;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Map, Value};
use stdx::hex;

use super::tables::{Column, Kind, TABLES, Table, where_destroyed};
use super::{ExportedKeys, Outgoing, ROWS_PER_CHUNK, Transferred};
use crate::ControlError;

pub(super) fn export<W: Write, P: FnMut(&Transferred)>(
    reader: &Connection,
    mut outgoing: Outgoing<W, P>,
    header: impl FnOnce(&str) -> Value,
) -> Result<(W, Transferred), ControlError> {
    // One transaction, so one moment.
    let snapshot = reader.unchecked_transaction()?;
    outgoing.line(&header(&environment(&snapshot)?))?;
    for table in TABLES {
        export_table(&snapshot, table, &mut outgoing)?;
    }
    outgoing.end()
}

/// The stamp of a control plane.
pub(crate) fn environment(connection: &Connection) -> Result<String, ControlError> {
    let stamp = "SELECT value FROM meta WHERE name = 'environment'";
    Ok(connection.query_row(stamp, [], |row| row.get(0))?)
}

fn export_table<W: Write, P: FnMut(&Transferred)>(
    snapshot: &Connection,
    table: &Table,
    outgoing: &mut Outgoing<W, P>,
) -> Result<(), ControlError> {
    let filter = match outgoing.keys {
        ExportedKeys::All => "",
        ExportedKeys::DestroyedOnly => where_destroyed(table),
    };
    let order = table.key().iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
    let (columns, name) = (table.column_names(), table.name);
    let mut select = snapshot.prepare(&format!("SELECT {columns} FROM {name} {filter} ORDER BY {order}"))?;
    let mut rows = select.query([])?;
    let mut chunk = Vec::new();
    while let Some(row) = rows.next()? {
        chunk.push(exported(row, table)?);
        if chunk.len() == ROWS_PER_CHUNK {
            outgoing.rows(table, std::mem::take(&mut chunk))?;
        }
    }
    outgoing.rows(table, chunk)
}

fn exported(row: &Row<'_>, table: &Table) -> Result<Map<String, Value>, ControlError> {
    let value = |(at, column): (usize, &Column)| {
        let value = value(row.get_ref(at)?, column.kind).map_err(|why| {
            ControlError::Unavailable(format!("column {} of {}: {why}", column.name, table.name))
        })?;
        Ok((column.name.to_owned(), value))
    };
    table.columns.iter().enumerate().map(value).collect()
}

fn value(stored: ValueRef<'_>, kind: Kind) -> Result<Value, String> {
    Ok(match (kind, stored) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Time, ValueRef::Integer(ms)) => {
            Timestamp::from_millisecond(ms).map_err(|error| error.to_string())?.to_string().into()
        }
        (Kind::Int, ValueRef::Integer(number)) => number.into(),
        (Kind::Json, ValueRef::Text(text)) => {
            serde_json::from_slice(text).map_err(|error| error.to_string())?
        }
        (Kind::Text | Kind::Day | Kind::Uuid, ValueRef::Text(text)) => {
            std::str::from_utf8(text).map_err(|error| error.to_string())?.into()
        }
        (Kind::Bytes, ValueRef::Blob(bytes)) => hex::encode(bytes).into(),
        (_, stored) => return Err(format!("there is {} in it", stored.data_type())),
    })
}
