//! Backs up tenants that changed since their newest backup, once that is old enough, and tells how old the newest are.

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
    tell_ages(&app).await.map_err(|error| error.to_string())?;
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

/// The age of the newest backup, and of the newest proven one, of the tenant that waits longest among those that changed.
async fn tell_ages(app: &App) -> Result<(), control::ControlError> {
    let now = app.clock.now();
    let (mut oldest, mut oldest_verified) = (0.0_f64, 0.0_f64);
    let (mut tenants, mut proven) = (0_u32, 0_u32);
    let mut newest: std::collections::HashMap<_, (Option<f64>, Option<f64>, Option<String>)> =
        Default::default();
    for backup in app.control.newest_backups().await? {
        let age = now.duration_since(backup.created_at).as_secs_f64();
        let entry = newest.entry(backup.tenant_id.clone()).or_default();
        if entry.0.is_none_or(|known| age < known) {
            (entry.0, entry.2) = (Some(age), backup.source_stamp.clone());
        }
        if backup.verified_at.is_some() && entry.1.is_none_or(|known| age < known) {
            entry.1 = Some(age);
        }
    }
    for (tenant, (age, verified_age, stamp)) in newest {
        tenants += 1;
        proven += u32::from(verified_age.is_some());
        let unchanged = stamp.as_deref() == Some(app.fleet.change_stamp(&tenant).as_str());
        if !unchanged {
            oldest = oldest.max(age.unwrap_or(0.0));
        }
        // A proven backup that is not the newest is as old as it is, whether the tenant changed since or not.
        let newest_is_proven = verified_age == age;
        if !(unchanged && newest_is_proven) {
            oldest_verified = oldest_verified.max(verified_age.or(age).unwrap_or(0.0));
        }
    }
    metrics::gauge!("engram_backup_newest_age_seconds").set(oldest);
    metrics::gauge!("engram_backup_newest_verified_age_seconds").set(oldest_verified);
    let coverage = if tenants == 0 { 1.0 } else { f64::from(proven) / f64::from(tenants) };
    metrics::gauge!("engram_restore_test_coverage_ratio").set(coverage);
    Ok(())
}
