//! What can still be read of a tenant's damaged file, as lines that an import takes.

use api::ErrorCode;
use axum::body::Body;
use control::Deed;
use engine::{EngineError, Wreck};
use gateway::OperatorPass;
use serde_json::json;
use tenancy::Slug;

use super::authority::Caller;
use super::tenant_named;
use crate::app::App;
use crate::backups::{Scratch, Trouble};
use crate::operations::Failure;
use crate::operations::export_memories::lines_of;

/// The lines of the file with the name `file`; without one, of the file in quarantine or else of the newest damaged one that
/// a restore replaced. The file itself stays as it is.
///
/// # Errors
/// 404 when there is no such tenant, 400 when there is no such file, [`Failure::Store`].
pub async fn salvage_memories(
    app: &App,
    _: &OperatorPass,
    by: &Caller,
    slug: &Slug,
    file: Option<String>,
) -> Result<Body, Failure> {
    let tenant = tenant_named(app, slug).await?.id;
    app.fleet.expect_room()?;
    let scratch = Scratch::new(&app.fleet).map_err(Trouble::into_failure)?;
    let into = scratch.file("damaged");
    let name = match file {
        None if app.fleet.quarantine(&tenant).is_some() => None,
        Some(name) => Some(name),
        None => {
            let damaged = app.fleet.replaced(&tenant).await?.into_iter().find(|replaced| replaced.corrupt);
            let none = || refused("the tenant's file is not damaged, and no restore replaced a damaged one");
            Some(damaged.ok_or_else(none)?.name)
        }
    };
    let copied = match &name {
        None => app.fleet.copy_quarantined(&tenant, &into).await,
        Some(name) => app.fleet.copy_replaced(&tenant, name, &into).await,
    };
    let copy = copied.map_err(|error| refused(&error.to_string()))?;
    let opened = tokio::task::spawn_blocking(move || Wreck::open(&copy)).await;
    let wreck = opened.unwrap_or_else(|panic| Err(EngineError::Internal(panic.to_string())));
    let wreck = wreck.map_err(|error| refused(&format!("nothing can be read of the file: {error}")))?;
    let deed = Deed {
        tenant: Some(tenant),
        action: "salvage_memories",
        target: slug.to_string(),
        details: json!({ "file": name }),
    };
    app.control.record_deed(deed, &by.actor()).await?;
    let now = app.clock.now();
    Ok(lines_of(scratch, move |sink| {
        let saved = wreck.salvage(now, sink)?;
        tracing::info!(memories = saved.memories, lost = saved.lost.len(), "read what a damaged file holds");
        Ok(())
    }))
}

fn refused(message: &str) -> Failure {
    Failure::Coded(ErrorCode::InvalidRequest, message.to_owned())
}
