//! A tenant's file is kept before a newer version of its schema is written into it: in the vault, or else beside the file.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use backup::Reason;
use control::Actor;
use engine::EngineError;
use fleet::FleetError;
use tenancy::TenantId;

use super::back_up::{ship_copy, tell};
use super::{Progress, Scratch, Trouble, smoke};
use crate::app::App;

/// Has no file migrated from now on that was not kept before.
pub(crate) fn keep_before_migration(app: &Arc<App>) {
    let service = Arc::downgrade(app);
    app.fleet.before_migration(move |tenant, file| {
        let service = service.clone();
        Box::pin(async move {
            let app = service.upgrade().ok_or(FleetError::Closed)?;
            keep(&app, &tenant, &file).await.map_err(|error| match error {
                // It goes into quarantine, from which a backup brings it back.
                Trouble::Store(FleetError::Engine(damaged @ EngineError::Damaged(_))) => {
                    FleetError::Open(damaged)
                }
                other => FleetError::NotKept(other.to_string()),
            })
        })
    });
}

/// A vault that is away must not keep tenants away too: a copy beside the file serves as well until it is back.
async fn keep(app: &App, tenant: &TenantId, file: &Path) -> Result<(), Trouble> {
    app.fleet.expect_room()?;
    let scratch = Scratch::new(&app.fleet)?;
    let (from, copy) = (file.to_owned(), scratch.file("engram.db"));
    let to = copy.clone();
    smoke::blocking(move || engine::copy_file(&from, &to)).await?;
    let (begun, progress) = (Instant::now(), Progress::unwatched());
    let shipped =
        ship_copy(app, tenant, &copy, Reason::BeforeMigration, None, &Actor::system(), &progress).await;
    tell(tenant, begun, &shipped, &progress);
    match shipped {
        Ok(_) => Ok(()),
        // No copy helps a file that cannot be read.
        Err(damaged @ Trouble::Store(FleetError::Engine(EngineError::Damaged(_)))) => Err(damaged),
        Err(error) => {
            let name = app.fleet.keep_copy(tenant, &copy).await?;
            tracing::warn!(%tenant, %error, name, "a file is kept beside the store, for the vault did not take it");
            Ok(())
        }
    }
}
