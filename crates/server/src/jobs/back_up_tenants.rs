//! Backs up tenants that changed since their newest backup, once that is old enough.

use std::sync::Arc;

use backup::Reason;
use control::Actor;
use jiff::SignedDuration;

use crate::app::App;
use crate::backups::{RunKind, back_up_changed};

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let hours = app.config.backup.every_hours;
    if hours == 0 {
        return Ok(());
    }
    let older_than = SignedDuration::from_hours(i64::from(hours));
    let working = Arc::clone(&app);
    let outcome = app
        .backups
        .runs
        .follow(RunKind::Backup, |progress| async move {
            back_up_changed(&working, older_than, Reason::Scheduled, &Actor::system(), &progress).await
        })
        .await
        .map_err(|error| error.to_string())?;
    match outcome.failed.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(format!(
            "{} backups failed, the first of {}: {}",
            outcome.failed.len(),
            first.tenant,
            first.error
        )),
    }
}
