//! Reads one memory.

use engine::MemoryId;
use gateway::Pass;

use super::shape::memory_to_wire;
use super::{Done, Failure};
use crate::app::App;

/// Reads one memory of the caller's tenant.
///
/// # Errors
/// [`Failure::Store`] when there is none of that id, or it has expired.
pub async fn get_memory(app: &App, pass: &Pass, id: MemoryId) -> Result<Done<api::Memory>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    Ok(Done::read(memory_to_wire(lease.glance(|store| store.get(id))?), None))
}
