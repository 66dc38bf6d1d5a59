//! The rows of a control plane in PostgreSQL, as an export has them.

use std::io::Write;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};
use tokio_postgres::{IsolationLevel, Row};

use super::tables::{Column, Kind, TABLES, Table, where_destroyed};
use super::{ExportedKeys, Outgoing, ROWS_PER_CHUNK, Transferred};
use crate::ControlError;
use crate::postgres::{Answer, Database};

pub(super) async fn export<W, P>(
    database: &Database,
    outgoing: Outgoing<W, P>,
    header: impl FnOnce(&str) -> Value,
) -> Result<(W, Transferred), ControlError>
where
    W: Write + Send + 'static,
    P: FnMut(&Transferred) + Send + 'static,
{
    let mut client = database.client().await?;
    // One snapshot, so one moment.
    let snapshot =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start();
    let snapshot = snapshot.await.map_err(crate::postgres::Trouble::from)?;
    let header = header(&environment(&snapshot).await?);
    let mut outgoing = elsewhere(outgoing, move |outgoing| outgoing.line(&header)).await?;
    for table in TABLES {
        outgoing = export_table(&snapshot, table, outgoing).await?;
    }
    let written = tokio::task::spawn_blocking(move || outgoing.end()).await;
    written.map_err(ControlError::worker)?
}

/// The stamp of a control plane.
pub(crate) async fn environment(client: &Transaction<'_>) -> Answer<String> {
    let stamp = client.query_one("SELECT value FROM meta WHERE name = 'environment'", &[]).await?;
    Ok(stamp.try_get(0)?)
}

async fn export_table<W, P>(
    snapshot: &Transaction<'_>,
    table: &'static Table,
    mut outgoing: Outgoing<W, P>,
) -> Result<Outgoing<W, P>, ControlError>
where
    W: Write + Send + 'static,
    P: FnMut(&Transferred) + Send + 'static,
{
    let portal = snapshot.bind(&select(table, outgoing.keys), &[]).await;
    let portal = portal.map_err(crate::postgres::Trouble::from)?;
    loop {
        let rows = snapshot.query_portal(&portal, i32::try_from(ROWS_PER_CHUNK).unwrap_or(i32::MAX)).await;
        let rows = rows.map_err(crate::postgres::Trouble::from)?;
        let count = rows.len();
        let chunk = rows.iter().map(|row| exported(row, table)).collect::<Answer<Vec<_>>>()?;
        outgoing = elsewhere(outgoing, move |outgoing| outgoing.rows(table, chunk)).await?;
        if count < ROWS_PER_CHUNK {
            return Ok(outgoing);
        }
    }
}

/// Writes where waiting for a disk holds nobody up.
async fn elsewhere<W, P>(
    mut outgoing: Outgoing<W, P>,
    write: impl FnOnce(&mut Outgoing<W, P>) -> Result<(), ControlError> + Send + 'static,
) -> Result<Outgoing<W, P>, ControlError>
where
    W: Send + 'static,
    P: Send + 'static,
{
    let written = tokio::task::spawn_blocking(move || write(&mut outgoing).map(|()| outgoing)).await;
    written.map_err(ControlError::worker)?
}

fn select(table: &Table, keys: ExportedKeys) -> String {
    let column = |column: &Column| match column.kind {
        Kind::Int => format!("{}::bigint", column.name),
        Kind::Uuid => format!("{}::text", column.name),
        Kind::Bytes => format!("encode({}, 'hex')", column.name),
        Kind::Text | Kind::Time | Kind::Day | Kind::Json => column.name.to_owned(),
    };
    // The order of other backends, whatever the database's own is.
    let key = |column: &Column| match column.kind {
        Kind::Text => format!("{}.{} COLLATE \"C\"", table.name, column.name),
        Kind::Int | Kind::Time | Kind::Day | Kind::Json | Kind::Bytes | Kind::Uuid => {
            format!("{}.{}", table.name, column.name)
        }
    };
    let columns = table.columns.iter().map(column).collect::<Vec<_>>().join(", ");
    let order = table.key().iter().map(key).collect::<Vec<_>>().join(", ");
    let filter = match keys {
        ExportedKeys::All => "",
        ExportedKeys::DestroyedOnly => where_destroyed(table),
    };
    format!("SELECT {columns} FROM {} {filter} ORDER BY {order}", table.name)
}

fn exported(row: &Row, table: &Table) -> Answer<Map<String, Value>> {
    let value = |(at, column): (usize, &Column)| Ok((column.name.to_owned(), value(row, at, column.kind)?));
    table.columns.iter().enumerate().map(value).collect()
}

fn value(row: &Row, at: usize, kind: Kind) -> Answer<Value> {
    Ok(match kind {
        Kind::Text | Kind::Uuid | Kind::Bytes => row.try_get::<_, Option<String>>(at)?.into(),
        Kind::Int => row.try_get::<_, Option<i64>>(at)?.into(),
        Kind::Time => row.try_get::<_, Option<Timestamp>>(at)?.map(|at| at.to_string()).into(),
        Kind::Day => row.try_get::<_, Option<Date>>(at)?.map(|day| day.to_string()).into(),
        Kind::Json => row.try_get::<_, Option<Value>>(at)?.unwrap_or(Value::Null),
    })
}
