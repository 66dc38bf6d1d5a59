//! Who changed what, when and from where; written in the transaction of the change itself.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::fmt;

use jiff::Timestamp;
use tenancy::TenantId;

use crate::postgres::{ask, change};
use crate::sqlite::WriteTransaction as SqliteTransaction;
use crate::{Backend, Control, ControlError};

/// Whoever asks for a change, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    origin: Option<String>,
}

/// Something that was done, for the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// The tenant it was done to; `None` for the installation.
    pub tenant: Option<TenantId>,
    /// Its name, such as `shed_requests`.
    pub action: &'static str,
    /// What it was done to.
    pub target: String,
    /// More about it; a JSON object.
    pub details: serde_json::Value,
}

/// Which rows of the audit log to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Those of one tenant; of the whole installation when `None`.
    pub tenant: Option<TenantId>,
    /// Those older than the row with this id.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the log; increasing.
    pub id: i64,
    /// When the change was made.
    pub occurred_at: Timestamp,
    /// The tenant it was a change of; `None` for the installation's own.
    pub tenant: Option<TenantId>,
    /// Who made it, as [`Actor`] prints.
    pub actor: String,
    /// The address it came from, when it came over a network.
    pub origin: Option<String>,
    /// The deed, such as `create_tenant`.
    pub action: String,
    /// The id or name of what was changed.
    pub target: String,
    /// What it was changed to; a JSON object.
    pub details: serde_json::Value,
}

impl Actor {
    /// The service itself, as when it creates the default tenant.
    pub fn system() -> Self {
        Self { name: "system".to_owned(), origin: None }
    }

    /// Somebody with access to the data folder of this machine.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), origin: None }
    }

    /// The holder of an API key.
    pub fn key(key_id: &str) -> Self {
        Self { name: format!("key:{key_id}"), origin: None }
    }

    /// A person, by the `sub` of their token.
    pub fn user(user_id: &str) -> Self {
        Self { name: format!("user:{user_id}"), origin: None }
    }

    /// The same actor, calling from an address.
    #[must_use]
    pub fn from_address(self, address: impl fmt::Display) -> Self {
        Self { origin: Some(address.to_string()), ..self }
    }

    /// The actor's name: `system`, `local`, `key:<id>` or `user:<id>`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Control {
    /// Rows of the audit log, newest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn audit_log(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(move |reader| sqlite::read(reader, &query)).await,
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::read(reader, &query))
            }
        }
    }
}

impl Control {
    /// Puts a deed on record that changes nothing in the control plane itself, such as a class of requests that is
    /// turned away.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn record_deed(&self, deed: Deed, by: &Actor) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                let insert = move |transaction: &SqliteTransaction<'_>| {
                    let Deed { tenant, action, target, details } = &deed;
                    let now = transaction.now();
                    sqlite::insert(transaction.tx(), now, tenant.as_ref(), &by, action, target, details)
                };
                database.write(insert).await
            }
            Backend::Postgres(database) => {
                let Deed { tenant, action, target, details } = &deed;
                change!(database, |transaction| postgres::insert(
                    transaction.tx(),
                    transaction.now(),
                    tenant.as_ref(),
                    by,
                    action,
                    target,
                    details
                ))
            }
        }
    }
}

impl AuditQuery {
    /// Bounds as the databases count.
    fn bounds(&self) -> (i64, i64) {
        (self.before.unwrap_or(i64::MAX), i64::try_from(self.limit).unwrap_or(i64::MAX))
    }
}
