//! Erased memories stay erased: a memory that is on record as erased is deleted from whatever is restored.

use std::collections::BTreeMap;

use control::Erasure;
use engine::{EngineError, Store};
use sha2::{Digest, Sha256};
use stdx::hex;
use tenancy::TenantId;

use super::Trouble;
use crate::app::App;

/// What the record says of an erased memory instead of what it said: SHA-256 over the tenant's id and the text.
pub(crate) fn content_hash(tenant: &TenantId, content: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(tenant.as_str());
    hash.update([0]);
    hash.update(content);
    hex::encode(&hash.finalize())
}

/// What was on record as erased and still there.
#[derive(Debug, Default)]
pub(crate) struct ErasedAgain {
    /// The memories.
    pub(crate) ids: Vec<i64>,
    /// Bytes of content and metadata given back (negative).
    pub(crate) storage_bytes_delta: i64,
}

/// Deletes from a store what is on record as erased.
pub(crate) fn erase_again(store: &Store, erasures: &[Erasure]) -> Result<ErasedAgain, EngineError> {
    let mut erased = ErasedAgain::default();
    for erasure in erasures {
        match store.delete(erasure.memory_id) {
            Ok(deleted) => {
                erased.ids.push(erasure.memory_id);
                erased.storage_bytes_delta += deleted.storage_bytes_delta;
            }
            Err(EngineError::MemoryNotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(erased)
}

/// Finishes erasures that a crash left between their record and the deletion.
///
/// # Errors
/// [`Trouble`] of the first tenant that cannot be reached; safe to repeat.
pub(crate) async fn finish_erasures(app: &App) -> Result<u64, Trouble> {
    let mut by_tenant: BTreeMap<TenantId, Vec<Erasure>> = BTreeMap::new();
    for erasure in app.control.unfinished_erasures().await? {
        by_tenant.entry(erasure.tenant_id.clone()).or_default().push(erasure);
    }
    let mut finished = 0;
    for (tenant, erasures) in by_tenant {
        let lease = app.fleet.store(&tenant).await?;
        let ids: Vec<_> = erasures.iter().map(|erasure| erasure.memory_id).collect();
        lease.remove(move |store| erase_again(store, &erasures)).await?;
        app.control.finish_erasures(&tenant, &ids).await?;
        finished += ids.len() as u64;
    }
    Ok(finished)
}
