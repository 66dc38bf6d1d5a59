//! Reads the versions of a memory.

use engine::MemoryId;
use gateway::Pass;

use super::shape::revision_to_wire;
use super::{Done, Failure};
use crate::app::App;

/// Every version of a memory, newest first; the first one is the memory as it is.
///
/// # Errors
/// [`Failure::Store`] when there is no such memory.
pub async fn memory_history(
    app: &App,
    pass: &Pass,
    id: MemoryId,
) -> Result<Done<api::MemoryHistory>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let revisions = lease.read(move |store| store.history(id)).await?;
    Ok(Done::read(api::MemoryHistory { items: revisions.into_iter().map(revision_to_wire).collect() }, None))
}
