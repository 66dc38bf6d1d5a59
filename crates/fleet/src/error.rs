//! Why a tenant's store cannot be had.

use engine::EngineError;

/// Why a tenant's store cannot be had. Other tenants are not affected, unless the volume itself is full.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FleetError {
    /// The tenant has no folder on this volume.
    #[error("the tenant has no folder on this volume")]
    Missing,
    /// The tenant's data is being removed, or is gone.
    #[error("the tenant's data is removed")]
    Removed,
    /// The fleet is shutting down.
    #[error("the service is shutting down")]
    Closed,
    /// The store did not open; it is tried again after a moment.
    #[error("the tenant's store does not open: {0}")]
    Open(EngineError),
    /// The file is of an older version and could not be kept before its migration; it is as it was.
    #[error("the tenant's store is not migrated, for it could not be backed up before: {0}")]
    NotKept(String),
    /// The tenant's file is damaged and is served to nobody until it is restored.
    #[error("the tenant's file is damaged: {0}")]
    Quarantined(String),
    /// The tenant is being restored: reads go on, writes wait for the end.
    #[error("the tenant is being restored")]
    Maintenance,
    /// Somebody restores the tenant already.
    #[error("the tenant is being restored already")]
    InMaintenance,
    /// A swap did not work; everything is as it was.
    #[error("the restored file does not take its place: {0}")]
    Swap(String),
    /// The volume is nearly full: deletes and reads still work.
    #[error("the volume is nearly full")]
    VolumeFull,
    /// The folder cannot be made or removed.
    #[error("the tenant's folder: {0}")]
    Folder(String),
    /// The store was reached and refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
