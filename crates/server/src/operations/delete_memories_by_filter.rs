//! Deletes every memory a filter matches, or tells which ones that would be.

use engine::DeleteMode;
use gateway::Pass;
use tenancy::Work;

use super::{Done, Failure};
use crate::app::App;
use crate::decode::DeleteInput;

/// Deletes what matches, in one commit.
///
/// # Errors
/// [`Failure::Store`].
pub async fn delete_memories_by_filter(
    app: &App,
    pass: &Pass,
    input: DeleteInput,
) -> Result<Done<api::DeletedMemories>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let DeleteInput { filter, workspace, mode, deletion: _ } = input;
    let named = workspace.clone();
    let deleted = lease.remove(move |store| store.delete_matching(filter, workspace, mode)).await?;
    let storage_bytes_delta = match mode {
        DeleteMode::DryRun => 0,
        DeleteMode::Delete => deleted.storage_bytes_delta,
    };
    let value = api::DeletedMemories {
        count: deleted.count,
        ids: deleted.ids,
        dry_run: matches!(mode, DeleteMode::DryRun),
    };
    Ok(Done { value, work: Work { memories_created: 0, storage_bytes_delta }, workspace: named })
}
