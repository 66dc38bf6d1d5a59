//! Rehearsals of restores: what was proven, and when.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::Value;
use tenancy::TenantId;

use crate::postgres::{ask, change};
use crate::{Backend, Control, ControlError};

/// The rehearsal of one tenant's restore.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreTest {
    /// Its id.
    pub id: String,
    /// The run it was part of.
    pub run_id: String,
    /// Whose.
    pub tenant_id: TenantId,
    /// The backup that was restored.
    pub backup_id: String,
    /// Whether everything was as it should be.
    pub passed: bool,
    /// Everything that was looked at: an array of `{name, status, detail}`.
    pub checks: Value,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

impl Control {
    /// Puts a rehearsal on record; a backup that passed is a proven one from then on.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn record_restore_test(&self, test: &RestoreTest) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let test = test.clone();
                database.write(move |deed| sqlite::record(deed, &test)).await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::record(deed, test)),
        }
    }

    /// The newest rehearsals, of one tenant or of all, newest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn restore_tests(
        &self,
        tenant: Option<&TenantId>,
        limit: u32,
    ) -> Result<Vec<RestoreTest>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.cloned();
                database.read(move |reader| sqlite::list(reader, tenant.as_ref(), limit)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::list(reader, tenant, limit))
            }
        }
    }

    /// When each tenant's restore was rehearsed last and passed.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn last_passed_restore_tests(&self) -> Result<Vec<(TenantId, Timestamp)>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::last_passed).await,
            Backend::Postgres(database) => ask!(database, |reader| postgres::last_passed(reader)),
        }
    }
}

fn status(passed: bool) -> &'static str {
    if passed { "passed" } else { "failed" }
}
