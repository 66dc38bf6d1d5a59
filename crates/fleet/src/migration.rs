//! What is done with a tenant's file before a newer version of its schema is written into it.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::OnceLock;

use tenancy::TenantId;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::FleetError;

/// Files that are copied and migrated at once: each reads its whole file twice.
const MIGRATIONS_AT_ONCE: usize = 4;

/// The end of keeping one file, or why the store does not open: [`FleetError::NotKept`], or what is wrong with the file.
pub type Kept = Pin<Box<dyn Future<Output = Result<(), FleetError>> + Send>>;
/// Keeps the file of a tenant, which nobody has open.
type Keep = Box<dyn Fn(TenantId, PathBuf) -> Kept + Send + Sync>;

/// Migrations of tenants' files, a few at a time.
pub(crate) struct Migrations {
    keep: OnceLock<Keep>,
    seats: Semaphore,
}

impl std::fmt::Debug for Migrations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Migrations")
    }
}

impl Default for Migrations {
    fn default() -> Self {
        Self { keep: OnceLock::new(), seats: Semaphore::new(MIGRATIONS_AT_ONCE) }
    }
}

impl Migrations {
    pub(crate) fn keep_by(&self, keep: Keep) {
        // Said once, at the start.
        let _ = self.keep.set(keep);
    }

    /// Runs `open`, after the file was kept if that is going to migrate it. Blocks; for a thread that may.
    pub(crate) fn open<T>(
        &self,
        tenant: &TenantId,
        database: &Path,
        open: impl FnOnce() -> Result<T, FleetError>,
    ) -> Result<T, FleetError> {
        if !engine::needs_migration(database).map_err(FleetError::Open)? {
            return open();
        }
        let runtime = Handle::current();
        let _seat = runtime.block_on(self.seats.acquire()).map_err(|_| FleetError::Closed)?;
        if let Some(keep) = self.keep.get() {
            runtime.block_on(keep(tenant.clone(), database.to_owned()))?;
        }
        let opened = open()?;
        metrics::counter!("engram_migrations_total").increment(1);
        tracing::info!(%tenant, schema_version = engine::SCHEMA_VERSION, "a store has a newer schema now");
        Ok(opened)
    }
}
