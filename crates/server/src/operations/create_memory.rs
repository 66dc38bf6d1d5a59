//! Stores one memory.

use engine::{Draft, EngineError, Idempotency, NewMemory, Outcome, Problem};
use fleet::FleetError;
use gateway::Pass;
use tenancy::Work;

use super::shape::memory_to_wire;
use super::{Done, Failure, quota};
use crate::app::App;

/// A memory that was stored, and whether it is new.
#[derive(Debug)]
pub struct StoredMemory {
    /// The memory.
    pub memory: api::Memory,
    /// Created, or an older one with the same `custom_id` updated.
    pub outcome: Outcome,
}

/// Stores one memory. Without a vector (a remote model that is down) it is stored all the same, found by words,
/// and embedded later.
///
/// # Errors
/// [`Failure::Store`] when it breaks rules, or the store cannot take it.
pub async fn create_memory(
    app: &App,
    pass: &Pass,
    memory: NewMemory,
    idempotency: Option<Idempotency>,
) -> Result<Done<StoredMemory>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let embedded = app.vectors.of_text(&memory.content).await;
    let workspace = memory.workspace.clone();
    let draft = Draft { memory, embedded };
    let bounds = quota::bounds(app, pass);
    let stored =
        lease.write(move |store| store.create(vec![draft], idempotency, bounds)).await.map_err(of_one_row)?;
    quota::measure(app, pass, &lease);
    let created = stored.created;
    let item = stored.items.into_iter().next();
    let item = item.ok_or_else(|| EngineError::Internal("a create without a row".into()))?;
    Ok(Done {
        value: StoredMemory { memory: memory_to_wire(item.memory), outcome: item.outcome },
        work: Work { memories_created: created, storage_bytes_delta: stored.storage_bytes_delta },
        workspace,
    })
}

/// The engine numbers rows; a caller who sent one memory knows no number.
fn of_one_row(error: FleetError) -> FleetError {
    match error {
        FleetError::Engine(EngineError::Invalid(problems)) => {
            let bare = |problem: Problem| match problem.field.strip_prefix("[0].") {
                Some(field) => Problem::new(field, problem.message.clone()),
                None => problem,
            };
            FleetError::Engine(EngineError::Invalid(problems.into_iter().map(bare).collect()))
        }
        other => other,
    }
}
