//! Changes fields of a memory.

use engine::{Change, MemoryId};
use gateway::Pass;
use tenancy::Work;

use super::shape::memory_to_wire;
use super::{Done, Failure, quota};
use crate::app::App;
use crate::decode::UpdateInput;

/// Changes a memory; what the patch does not name stays.
///
/// # Errors
/// [`Failure::Store`] when there is no such memory, it is at another version, or the change breaks rules.
pub async fn update_memory(
    app: &App,
    pass: &Pass,
    id: MemoryId,
    input: UpdateInput,
) -> Result<Done<api::Memory>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let embedded = match &input.patch.content {
        Change::Set(content) => app.vectors.of_text(content).await,
        Change::Keep | Change::Clear => None,
    };
    let UpdateInput { patch, expected_version } = input;
    let bounds = quota::bounds(app, pass);
    let changed =
        lease.write(move |store| store.update(id, patch, expected_version, embedded, bounds)).await?;
    quota::measure(app, pass, &lease);
    Ok(Done {
        work: Work { memories_created: 0, storage_bytes_delta: changed.storage_bytes_delta },
        workspace: None,
        value: memory_to_wire(changed.memory),
    })
}
