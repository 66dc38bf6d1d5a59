//! Backups of tenants: what lies in the vault, and which of it was proven by restoring it.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::TenantId;

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Control, ControlError};

/// Most backups of a tenant that are read at once; retention leaves a few dozen.
const LISTED_MAX: u32 = 10_000;

/// A backup of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its id.
    pub id: String,
    /// Whose.
    pub tenant_id: TenantId,
    /// The moment it shows.
    pub created_at: Timestamp,
    /// Why it was made, such as `scheduled`.
    pub reason: String,
    /// Version of the schema of the file.
    pub schema_version: i64,
    /// Where it lies in the vault.
    pub object_key: String,
    /// Bytes of the stored object.
    pub size_bytes: u64,
    /// SHA-256 of the stored object, in hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub plain_bytes: u64,
    /// Memories in it.
    pub memories: u64,
    /// The highest memory id given out by then.
    pub ids_handed_out: i64,
    /// What the tenant's file looked like, where that is known.
    pub source_stamp: Option<String>,
    /// When a restore of it was proven.
    pub verified_at: Option<Timestamp>,
}

impl Control {
    /// Puts a backup on record once it is in the vault. One that is there already stays as it is.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn record_backup(&self, backup: &Backup, by: &Actor) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (backup, by) = (backup.clone(), by.clone());
                database.write(move |deed| sqlite::record(deed, &backup, &by)).await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::record(deed, backup, by)),
        }
    }

    /// A tenant's backups, newest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn backups(&self, tenant: &TenantId) -> Result<Vec<Backup>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::of_tenant(reader, &tenant)).await
            }
            Backend::Postgres(database) => ask!(database, |reader| postgres::of_tenant(reader, tenant)),
        }
    }

    /// Each tenant's newest backup, and its newest one whose restore was proven.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn newest_backups(&self) -> Result<Vec<Backup>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::newest).await,
            Backend::Postgres(database) => ask!(database, |reader| postgres::newest(reader)),
        }
    }

    /// The same of some tenants.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn newest_backups_of(&self, tenants: &[TenantId]) -> Result<Vec<Backup>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenants = tenants.to_vec();
                database.read(move |reader| sqlite::newest_of(reader, &tenants)).await
            }
            Backend::Postgres(database) => ask!(database, |reader| postgres::newest_of(reader, tenants)),
        }
    }

    /// Takes a backup off the record, before it is removed from the vault: what is on record can be restored.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn forget_backup(&self, backup: &Backup, by: &Actor) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (backup, by) = (backup.clone(), by.clone());
                database.write(move |deed| sqlite::forget(deed, &backup, &by)).await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::forget(deed, backup, by)),
        }
    }
}

impl Backup {
    fn details(&self) -> Value {
        json!({
            "key": self.object_key, "ts": self.created_at, "schema_version": self.schema_version,
            "size_bytes": self.size_bytes, "sha256": self.sha256, "reason": self.reason,
        })
    }
}

/// The newest backup and the newest proven one of each tenant that meets `condition`; the same words in both databases.
fn newest_where(condition: &str) -> String {
    format!(
        "SELECT b.* FROM (
             SELECT tenant_id, max(created_at) AS newest,
                 max(CASE WHEN verified_at IS NOT NULL THEN created_at END) AS proven
             FROM backups WHERE {condition} GROUP BY tenant_id
         ) n JOIN backups b ON b.tenant_id = n.tenant_id AND b.created_at IN (n.newest, n.proven)
         ORDER BY b.tenant_id, b.created_at DESC, b.id DESC"
    )
}
