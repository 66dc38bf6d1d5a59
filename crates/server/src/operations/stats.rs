//! Counts what is stored.

use gateway::Pass;

use super::{Done, Failure};
use crate::app::App;

/// What the caller's tenant has stored.
///
/// # Errors
/// [`Failure::Store`].
pub async fn stats(app: &App, pass: &Pass) -> Result<Done<api::Stats>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let found = lease.read(engine::Store::stats).await?;
    let by_kind = found.by_kind.into_iter().map(|(kind, count)| api::KindCount { kind, count }).collect();
    let value = api::Stats {
        memories: found.memories,
        pending_embeddings: found.pending_embeddings,
        workspaces: found.workspaces,
        by_kind,
        storage_bytes: found.storage_bytes,
        oldest: found.oldest,
        newest: found.newest,
        embedding_model: app.vectors.model().map(|model| model.name.to_string()),
    };
    Ok(Done::read(value, None))
}
