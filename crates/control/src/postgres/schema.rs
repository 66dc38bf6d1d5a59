//! The schema in PostgreSQL: set up, brought up to date under a lock, stamped with its environment.

use std::time::Duration;

use tenancy::Environment;
use tokio_postgres::Client;

use super::outage::told;
use super::{PostgresOptions, connect};
use crate::ControlError;
use crate::compatibility::{READER_MIN, require_readable};

mod embedded {
    refinery::embed_migrations!("src/postgres/migrations");
}

/// Held while the schema is looked at or changed; "EngC" as a number.
const LOCK: i64 = 0x456E_6743;
/// Longest wait for another process that migrates.
const LOCK_WAIT: Duration = Duration::from_secs(60);
const LOCK_HELD: &str =
    "another process has been migrating it for a minute; look at pg_locks if it should not";

/// What to do with a schema that is older than this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Bring it up to date.
    Auto,
    /// Refuse it, and name the command that does.
    Require,
}

/// What became of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Its version before; 0 for an empty database.
    pub from: i64,
    /// Its version now.
    pub to: i64,
}

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The version of its schema; 0 for an empty database.
    pub version: i64,
    /// The version this program needs.
    pub needed: i64,
    /// Whether this program can work on it as it is.
    pub usable: bool,
    /// Its stamp.
    pub environment: Option<String>,
}

/// Reads the version and the stamp, and changes nothing.
pub(crate) async fn inspect(options: &PostgresOptions) -> Result<Inspected, ControlError> {
    let client = connect::direct(options).await?;
    let version = version(&client).await?;
    let environment = if version == 0 { None } else { stamp_of(&client).await? };
    let usable = match version {
        newer if newer > needed() => require_readable(newer, needed(), reader_min(&client).await?).is_ok(),
        version => version == needed(),
    };
    Ok(Inspected { version, needed: needed(), usable, environment })
}

/// Checks the schema and the stamp, and sets up or migrates as `migrate` says. An empty database is always set up.
pub(crate) async fn migrate(
    options: &PostgresOptions,
    environment: Environment,
    migrate: Migrate,
) -> Result<Migrated, ControlError> {
    // The lock of a transaction, held by a connection of its own: a pooler that hands connections on between
    // transactions would keep the lock of a session, and nobody would ever get it again.
    let mut holder = connect::direct(options).await?;
    let lock = holder.transaction().await.map_err(unavailable)?;
    let locked = lock.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]);
    let locked = tokio::time::timeout(LOCK_WAIT, locked).await;
    locked.map_err(|_| ControlError::Unavailable(LOCK_HELD.to_owned()))?.map_err(unavailable)?;

    let mut client = connect::direct(options).await?;
    let from = version(&client).await?;
    let to = needed();
    if from > to {
        require_readable(from, to, reader_min(&client).await?)?;
    }
    if from == 0 {
        require_empty(&client).await?;
    } else {
        // Before anything is changed: another environment's database is left alone.
        require_stamp(&client, environment).await?;
        if from < to && migrate == Migrate::Require {
            return Err(ControlError::OlderSchema { found: from, known: to });
        }
    }
    if from < to {
        let migrated = embedded::migrations::runner().run_async(&mut client).await;
        migrated.map_err(|error| ControlError::Unavailable(format!("migration failed: {error}")))?;
        stamp(&client, environment).await?;
    }
    // A newer one that this program may work on stays as it is.
    Ok(Migrated { from, to: from.max(to) })
}

/// The newest version this program knows.
pub(crate) fn needed() -> i64 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

async fn version(client: &Client) -> Result<i64, ControlError> {
    let known = client
        .query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[])
        .await
        .map_err(unavailable)?;
    if !known.get::<_, bool>(0) {
        return Ok(0);
    }
    let newest = client
        .query_one("SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history", &[])
        .await
        .map_err(unavailable)?;
    Ok(newest.get(0))
}

async fn reader_min(client: &Client) -> Result<Option<String>, ControlError> {
    let row = client.query_opt(READER_MIN, &[]).await.map_err(unavailable)?;
    Ok(row.map(|row| row.get(0)))
}

/// Refuses a database in which somebody else has made tables under our names.
async fn require_empty(client: &Client) -> Result<(), ControlError> {
    let taken = client
        .query_one("SELECT to_regclass('tenants') IS NOT NULL OR to_regclass('plans') IS NOT NULL", &[])
        .await
        .map_err(unavailable)?;
    if taken.get::<_, bool>(0) {
        return Err(ControlError::NotOurs { path: "this PostgreSQL database".to_owned() });
    }
    Ok(())
}

async fn require_stamp(client: &Client, environment: Environment) -> Result<(), ControlError> {
    match stamp_of(client).await? {
        Some(stamped) if stamped != environment.as_str() => {
            Err(ControlError::wrong_environment(stamped, environment))
        }
        Some(_) => Ok(()),
        // A setup that died between the tables and the stamp.
        None => stamp(client, environment).await,
    }
}

async fn stamp_of(client: &Client) -> Result<Option<String>, ControlError> {
    let row = client.query_opt("SELECT value FROM meta WHERE name = 'environment'", &[]).await;
    Ok(row.map_err(unavailable)?.map(|row| row.get(0)))
}

async fn stamp(client: &Client, environment: Environment) -> Result<(), ControlError> {
    let insert = "INSERT INTO meta (name, value) VALUES ('environment', $1) ON CONFLICT DO NOTHING";
    client.execute(insert, &[&environment.as_str()]).await.map(drop).map_err(unavailable)
}

fn unavailable(error: tokio_postgres::Error) -> ControlError {
    ControlError::Unavailable(told(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_later_migration_says_who_may_go_on() {
        let runner = embedded::migrations::runner();
        for migration in runner.get_migrations().iter().filter(|migration| migration.version() > 3) {
            let sql = migration.sql().unwrap_or_default();
            assert!(sql.contains("'reader_min'"), "a migration writes reader_min into meta:\n{sql}");
        }
    }
}
