//! Stores up to 1,000 memories, all or none.

use engine::{Draft, EngineError, Idempotency, NewMemory};
use fleet::FleetError;
use gateway::Pass;
use tenancy::Work;

use super::create_memory::StoredMemory;
use super::shape::memory_to_wire;
use super::{Done, Failure, quota};
use crate::app::App;

/// Stores the memories in one commit; the answer has them in the order they were sent.
///
/// # Errors
/// [`Failure::Store`] with the problems of every row, as `memories[3].content`.
pub async fn create_memory_batch(
    app: &App,
    pass: &Pass,
    memories: Vec<NewMemory>,
    idempotency: Option<Idempotency>,
) -> Result<Done<Vec<StoredMemory>>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let workspace = memories.first().and_then(|memory| memory.workspace.clone());
    let texts: Vec<&str> = memories.iter().map(|memory| memory.content.as_str()).collect();
    let embedded = app.vectors.of_texts(&texts).await;
    let drafts =
        memories.into_iter().zip(embedded).map(|(memory, embedded)| Draft { memory, embedded }).collect();
    let bounds = quota::bounds(app, pass);
    let stored =
        lease.write(move |store| store.create(drafts, idempotency, bounds)).await.map_err(of_rows)?;
    quota::measure(app, pass, &lease);
    let created = stored.created;
    let items = stored.items.into_iter();
    Ok(Done {
        value: items.map(|i| StoredMemory { memory: memory_to_wire(i.memory), outcome: i.outcome }).collect(),
        work: Work { memories_created: created, storage_bytes_delta: stored.storage_bytes_delta },
        workspace,
    })
}

fn of_rows(error: FleetError) -> FleetError {
    match error {
        FleetError::Engine(EngineError::Invalid(problems)) => {
            let placed = problems.into_iter().map(|problem| problem.within("memories")).collect();
            FleetError::Engine(EngineError::Invalid(placed))
        }
        other => other,
    }
}
