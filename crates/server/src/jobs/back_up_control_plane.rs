//! Backs up the control plane: as often as the tenants, and soon after a deed that a rebuild must not undo.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::app::App;
use crate::backups::{RunKind, control_plane_is_due, keep_control_plane};

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let hours = app.config.backup.every_hours;
    if hours == 0 {
        return Ok(());
    }
    let older_than = SignedDuration::from_hours(i64::from(hours));
    let due = control_plane_is_due(&app, older_than).await.map_err(|error| error.to_string())?;
    if !due {
        return Ok(());
    }
    let working = Arc::clone(&app);
    let kept = app
        .backups
        .runs
        .follow(RunKind::Backup, |progress| async move { keep_control_plane(&working, &progress).await })
        .await;
    kept.map_err(|error| error.to_string())
}
