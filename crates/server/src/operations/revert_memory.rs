//! Brings back an earlier version of a memory, as a new version.

use engine::{EngineError, MemoryId};
use gateway::Pass;
use tenancy::Work;

use super::shape::memory_to_wire;
use super::{Done, Failure, quota};
use crate::app::App;
use crate::decode::RevertInput;

/// Makes the memory what it was at `input.to_version`.
///
/// # Errors
/// [`Failure::Store`] when there is no such memory or version, or the memory is at another version than known.
pub async fn revert_memory(
    app: &App,
    pass: &Pass,
    id: MemoryId,
    input: RevertInput,
) -> Result<Done<api::Memory>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let RevertInput { to_version: version, expected_version } = input;
    let revisions = lease.read(move |store| store.history(id)).await?;
    let old = revisions.into_iter().find(|revision| revision.memory.version == version);
    let old = old.ok_or(EngineError::VersionNotFound { id, version })?;
    let embedded = app.vectors.of_text(&old.memory.content).await;
    let bounds = quota::bounds(app, pass);
    let changed =
        lease.write(move |store| store.revert(id, version, expected_version, embedded, bounds)).await?;
    quota::measure(app, pass, &lease);
    Ok(Done {
        work: Work { memories_created: 0, storage_bytes_delta: changed.storage_bytes_delta },
        workspace: None,
        value: memory_to_wire(changed.memory),
    })
}
