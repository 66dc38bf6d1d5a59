//! Names the sessions.

use engine::{SessionPage, SessionQuery};
use gateway::Pass;

use super::{Done, Failure};
use crate::app::App;

/// A page of the sessions of the caller's tenant, the one with the newest memory first. Only the console shows them, so they
/// have no wire shape.
///
/// # Errors
/// [`Failure::Store`].
pub async fn list_sessions(
    app: &App,
    pass: &Pass,
    query: SessionQuery,
) -> Result<Done<SessionPage>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let page = lease.read(move |store| store.sessions(&query)).await?;
    Ok(Done::read(page, None))
}
