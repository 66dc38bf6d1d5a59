//! Memories that were erased, not merely deleted: they stay away whatever backup is restored.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::json;
use tenancy::TenantId;

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Control, ControlError};

/// A memory that must never come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub memory_id: i64,
    /// A hash of what it said, under which nobody can read it.
    pub content_hash: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Who asked, as an [`Actor`] prints.
    pub requested_by: String,
    /// When it was gone.
    pub done_at: Option<Timestamp>,
}

impl Control {
    /// Puts erasures on record before the memories go: (id, hash of what it said). One that is there stays as it is.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn request_erasures(
        &self,
        tenant: &TenantId,
        memories: &[(i64, String)],
        by: &Actor,
    ) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (tenant, memories, by) = (tenant.clone(), memories.to_vec(), by.clone());
                database.write(move |deed| sqlite::request(deed, &tenant, &memories, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::request(deed, tenant, memories, by))
            }
        }
    }

    /// Notes that memories are gone.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn finish_erasures(&self, tenant: &TenantId, memories: &[i64]) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (tenant, memories) = (tenant.clone(), memories.to_vec());
                database.write(move |deed| sqlite::finish(deed, &tenant, &memories)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::finish(deed, tenant, memories))
            }
        }
    }

    /// Everything a tenant erased, by id.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn erasures(&self, tenant: &TenantId) -> Result<Vec<Erasure>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::of_tenant(reader, &tenant)).await
            }
            Backend::Postgres(database) => ask!(database, |reader| postgres::of_tenant(reader, tenant)),
        }
    }

    /// Erasures that were asked for and are not known to be done, oldest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn unfinished_erasures(&self) -> Result<Vec<Erasure>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::unfinished).await,
            Backend::Postgres(database) => ask!(database, |reader| postgres::unfinished(reader)),
        }
    }
}

/// What the audit log says of a request: how many, and which of them.
fn details(memories: &[(i64, String)]) -> serde_json::Value {
    let ids: Vec<_> = memories.iter().take(100).map(|(id, _)| id).collect();
    json!({"count": memories.len(), "ids": ids})
}
