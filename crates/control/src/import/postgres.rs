//! The rows of an export, stored in PostgreSQL.

use std::io::BufRead;

use deadpool_postgres::Transaction;
use serde_json::{Map, Value};

use super::incoming::{Batch, Incoming};
use super::{ACTION, Imported, OtherEnvironment, TARGET};
use crate::export::Transferred;
use crate::export::postgres::environment;
use crate::export::tables::{AUDIT_LOG, Kind, SEEDED, TABLES, Table};
use crate::postgres::{Answer, Database, Trouble};
use crate::{Actor, Change, ControlError, audit};

pub(super) async fn import<R, P>(
    database: &Database,
    mut incoming: Incoming<R, P>,
    other: OtherEnvironment,
    by: &Actor,
) -> Result<Imported, ControlError>
where
    R: BufRead + Send + 'static,
    P: FnMut(&Transferred) + Send + 'static,
{
    let mut client = database.client().await?;
    let deed = database.begin(&mut client).await?;
    let tx: &Transaction<'_> = deed.tx();
    other.check(&incoming.header.environment, &environment(tx).await?)?;
    require_empty(tx).await?;
    loop {
        let batch;
        (incoming, batch) = next_batch(incoming).await?;
        let Some(Batch { table, rows }) = batch else { break };
        let (line, count) = (rows.first().map_or(0, |(line, _)| *line), rows.len());
        let rows = rows.into_iter().map(|(_, row)| taken(table, row)).collect();
        tx.execute(&insert(table), &[&Value::Array(rows)]).await.map_err(|error| refused(line, error))?;
        incoming.stored(table.name, count);
    }
    let last = incoming.line();
    tx.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await.map_err(|error| refused(last, error))?;
    let go_on = format!(
        "SELECT setval(pg_get_serial_sequence('{AUDIT_LOG}', 'id'), (SELECT max(id) FROM {AUDIT_LOG}))"
    );
    tx.execute(&go_on, &[]).await.map_err(Trouble::from)?;
    let imported = incoming.imported();
    audit::postgres::insert(tx, deed.now(), None, by, ACTION, TARGET, &imported.details()).await?;
    deed.tell(Change::Everything);
    database.commit(deed).await?;
    Ok(imported)
}

/// Reads where waiting for a disk holds nobody up.
async fn next_batch<R, P>(
    mut incoming: Incoming<R, P>,
) -> Result<(Incoming<R, P>, Option<Batch>), ControlError>
where
    R: BufRead + Send + 'static,
    P: FnMut(&Transferred) + Send + 'static,
{
    let read = tokio::task::spawn_blocking(move || incoming.next_batch().map(|batch| (incoming, batch)));
    read.await.map_err(ControlError::worker)?
}

/// Refuses tables that hold anything, keeps everybody else from putting anything into them, and makes room.
async fn require_empty(tx: &Transaction<'_>) -> Answer<()> {
    let names = TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
    tx.batch_execute(&format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")).await?;
    for Table { name, .. } in TABLES.iter().filter(|table| table.name != SEEDED) {
        let used = tx.query_one(&format!("SELECT EXISTS (SELECT 1 FROM {name})"), &[]).await?;
        if used.try_get(0)? {
            return Err(ControlError::NotEmpty { table: name }.into());
        }
    }
    // A key may refer to one that comes later.
    tx.batch_execute(&format!("DELETE FROM {SEEDED}; SET CONSTRAINTS ALL DEFERRED")).await?;
    Ok(())
}

fn insert(table: &Table) -> String {
    let (name, columns) = (table.name, table.column_names());
    format!(
        "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE
         SELECT {columns} FROM jsonb_populate_recordset(NULL::{name}, $1)"
    )
}

/// A row as the server reads it: bytes have a mark of their own.
fn taken(table: &Table, mut row: Map<String, Value>) -> Value {
    for column in table.columns.iter().filter(|column| column.kind == Kind::Bytes) {
        if let Some(Value::String(hex)) = row.get_mut(column.name) {
            hex.insert_str(0, "\\x");
        }
    }
    Value::Object(row)
}

/// The batch that broke a rule of its table, by its first line.
fn refused(line: u64, error: tokio_postgres::Error) -> ControlError {
    let Some(told) = error.as_db_error().filter(|error| {
        let class = error.code().code();
        class.starts_with("22") || class.starts_with("23")
    }) else {
        return Trouble::from(error).into();
    };
    let more = told.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    ControlError::BadExport { line, why: format!("here or in a later row: {}{more}", told.message()) }
}
