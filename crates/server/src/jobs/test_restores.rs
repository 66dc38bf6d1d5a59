//! Rehearses the restores of some tenants every week, so that backups are known to work before they are needed.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::app::App;
use crate::backups::{RunKind, rehearse_sample};

/// Between two rehearsals.
const EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let count = app.config.backup.restore_tests;
    let newest = app.control.restore_tests(None, 1).await.map_err(|error| error.to_string())?;
    let recent = newest.first().is_some_and(|test| app.clock.now().duration_since(test.finished_at) < EVERY);
    let nothing = app.control.newest_backups().await.map_err(|error| error.to_string())?.is_empty();
    if count == 0 || recent || nothing {
        return Ok(());
    }
    let working = Arc::clone(&app);
    let outcome = app
        .backups
        .runs
        .follow(RunKind::RestoreTest, |progress| async move {
            rehearse_sample(&working, count as usize, &progress).await
        })
        .await
        .map_err(|error| error.to_string())?;
    if outcome.status == "passed" {
        Ok(())
    } else {
        Err("a restore test failed; see `engram restore-test list`".into())
    }
}
