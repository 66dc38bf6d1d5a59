//! Deletes one memory.

use engine::MemoryId;
use gateway::Pass;
use tenancy::Work;

use super::{Done, Failure};
use crate::app::App;

/// Deletes one memory with its history; works on a full volume too.
///
/// # Errors
/// [`Failure::Store`] when there is no such memory.
pub async fn delete_memory(app: &App, pass: &Pass, id: MemoryId) -> Result<Done<()>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let deleted = lease.remove(move |store| store.delete(id)).await?;
    let work = Work { memories_created: 0, storage_bytes_delta: deleted.storage_bytes_delta };
    Ok(Done { value: (), work, workspace: None })
}
