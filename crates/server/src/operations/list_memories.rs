//! Pages through memories.

use engine::ListQuery;
use gateway::Pass;

use super::shape::memory_to_wire;
use super::{Done, Failure};
use crate::app::App;
use crate::decode::next_cursor;

/// One page of the caller's memories.
///
/// # Errors
/// [`Failure::Store`].
pub async fn list_memories(
    app: &App,
    pass: &Pass,
    query: ListQuery,
) -> Result<Done<api::MemoryPage>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let (order, workspace) = (query.order, query.workspace.clone());
    let page = lease.read(move |store| store.list(&query)).await?;
    let value = api::MemoryPage {
        items: page.items.into_iter().map(memory_to_wire).collect(),
        next_cursor: page.next.map(|after| next_cursor(order, after)),
    };
    Ok(Done::read(value, workspace))
}
