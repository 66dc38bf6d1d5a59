//! Deleting a tenant: traffic stops in the transaction, and a job removes the rest.

use api::ErrorCode;
use control::Deletion;
use gateway::{OperatorPass, Pass};
use tenancy::{Role, Slug, TenantId};

use super::authority::Caller;
use crate::app::App;
use crate::operations::Failure;

/// Deletes a tenant for ever. When this answers its keys are revoked and its members and invites gone; a job
/// removes what it stored, over restarts if need be.
///
/// # Errors
/// 403 for who is neither an operator nor an owner; [`Failure::Control`].
pub async fn delete_tenant(app: &App, pass: &Pass, by: &Caller) -> Result<api::Deletion, Failure> {
    if pass.principal().role() != Some(Role::Owner) {
        let message = "only an owner or an operator may delete a tenant".to_owned();
        return Err(Failure::Coded(ErrorCode::Forbidden, message));
    }
    let deletion = app.control.delete_tenant(pass.slug(), &by.actor()).await?;
    app.deletions.wake();
    Ok(deletion_to_wire(deletion))
}

/// How far the deletion of a tenant is, by its id or by the slug that it had; of a slug that was free more than
/// once, the last one.
///
/// # Errors
/// 404 when no such tenant was deleted; [`Failure::Control`].
pub async fn show_deletion(app: &App, _: &OperatorPass, named: &str) -> Result<api::Deletion, Failure> {
    let deletion = match TenantId::parse(named) {
        Ok(id) => app.control.deletion(&id).await?,
        Err(_) => {
            let slug = Slug::parse(named).map_err(|error| Failure::field("slug", error.to_string()))?;
            app.control.deletion_by_slug(&slug).await?
        }
    };
    deletion.map(deletion_to_wire).ok_or_else(|| {
        Failure::Coded(ErrorCode::NotFound, format!("no tenant {named:?} is deleted or on its way out"))
    })
}

fn deletion_to_wire(deletion: Deletion) -> api::Deletion {
    let status = if deletion.finished_at.is_some() { "finished" } else { "running" };
    api::Deletion {
        tenant_id: deletion.tenant_id.to_string(),
        slug: deletion.slug.to_string(),
        status: status.to_owned(),
        requested_at: deletion.requested_at,
        requested_by: deletion.requested_by,
        steps: deletion.steps,
        attempts: u64::from(deletion.attempts),
        last_error: deletion.last_error,
        finished_at: deletion.finished_at,
    }
}
