//! Restores of tenants: asked for, and how they ended.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::TenantId;

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Control, ControlError};

/// Most restores of a tenant that are listed.
const LISTED_MAX: u32 = 100;

/// A restore somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRestore {
    /// Its id.
    pub id: String,
    /// The tenant that gets it.
    pub tenant_id: TenantId,
    /// The tenant whose backup it is.
    pub source_tenant_id: TenantId,
    /// The backup; `None` for files that an earlier restore replaced.
    pub backup_id: Option<String>,
    /// The process that does it.
    pub node: String,
}

/// A restore on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Restore {
    /// What was asked for.
    pub asked: NewRestore,
    /// When.
    pub requested_at: Timestamp,
    /// Who asked, as an [`Actor`] prints.
    pub requested_by: String,
    /// How it ended; `None` while it goes on.
    pub ended: Option<EndedRestore>,
}

/// How a restore ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedRestore {
    /// When.
    pub at: Timestamp,
    /// What it made, or why it failed.
    pub outcome: Result<Value, String>,
}

impl Control {
    /// Puts a restore on record before it begins.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn begin_restore(&self, new: &NewRestore, by: &Actor) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (new, by) = (new.clone(), by.clone());
                database.write(move |deed| sqlite::begin(deed, &new, &by)).await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::begin(deed, new, by)),
        }
    }

    /// Notes how a restore ended. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn finish_restore(
        &self,
        restore: &NewRestore,
        outcome: &Result<Value, String>,
        by: &Actor,
    ) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (restore, outcome, by) = (restore.clone(), outcome.clone(), by.clone());
                database.write(move |deed| sqlite::finish(deed, &restore, &outcome, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::finish(deed, restore, outcome, by))
            }
        }
    }

    /// A tenant's restores, newest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn restores(&self, tenant: &TenantId) -> Result<Vec<Restore>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::of_tenant(reader, &tenant)).await
            }
            Backend::Postgres(database) => ask!(database, |reader| postgres::of_tenant(reader, tenant)),
        }
    }

    /// Restores that a process of this name began and did not end; after a start, those that its end cut short.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn unfinished_restores(&self, node: &str) -> Result<Vec<Restore>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let node = node.to_owned();
                database.read(move |reader| sqlite::unfinished(reader, &node)).await
            }
            Backend::Postgres(database) => ask!(database, |reader| postgres::unfinished(reader, node)),
        }
    }
}

impl Restore {
    fn of(
        asked: NewRestore,
        requested_at: Timestamp,
        requested_by: String,
        error: Option<String>,
        result: Option<Value>,
        finished_at: Option<Timestamp>,
    ) -> Self {
        let outcome = error.map_or_else(|| Ok(result.unwrap_or_default()), Err);
        let ended = finished_at.map(|at| EndedRestore { at, outcome });
        Self { asked, requested_at, requested_by, ended }
    }
}

/// What the audit log says of the end of a restore.
fn details(restore: &NewRestore, outcome: &Result<Value, String>) -> Value {
    match outcome {
        Ok(result) => json!({
            "restore": restore.id, "backup": restore.backup_id, "state": "done", "result": result,
        }),
        Err(error) => json!({
            "restore": restore.id, "backup": restore.backup_id, "state": "failed", "error": error,
        }),
    }
}

fn state_of(outcome: &Result<Value, String>) -> &'static str {
    if outcome.is_ok() { "done" } else { "failed" }
}
