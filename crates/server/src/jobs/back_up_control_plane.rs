//! Backs up the control plane, as often as the tenants.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::app::App;
use crate::backups::{RunKind, keep_control_plane};

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let hours = app.config.backup.every_hours;
    if hours == 0 {
        return Ok(());
    }
    let older_than = SignedDuration::from_hours(i64::from(hours));
    let working = Arc::clone(&app);
    let kept = app
        .backups
        .runs
        .follow(RunKind::Backup, |progress| async move {
            keep_control_plane(&working, older_than, &progress).await
        })
        .await;
    kept.map(drop).map_err(|error| error.to_string())
}
