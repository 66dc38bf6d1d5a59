//! Names the workspaces.

use gateway::Pass;

use super::{Done, Failure};
use crate::app::App;

/// Every workspace of the caller's tenant, and how much is in it.
///
/// # Errors
/// [`Failure::Store`].
pub async fn list_workspaces(app: &App, pass: &Pass) -> Result<Done<api::WorkspaceList>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let found = lease.read(engine::Store::workspaces).await?;
    let items = found.into_iter().map(|workspace| api::Workspace {
        name: workspace.name,
        memories: workspace.memories,
        created_at: workspace.created_at,
    });
    Ok(Done::read(api::WorkspaceList { items: items.collect() }, None))
}
