//! Removes backups that the rules of retention let go, litter that crashes left in the vault, and files that restores
//! replaced long ago.

use std::collections::HashSet;
use std::sync::Arc;

use backup::{Found, Kept, Kind, Listed, Policy, Subject, orphans, removals};
use control::{Actor, Backup};
use jiff::SignedDuration;
use tenancy::TenantId;

use crate::app::App;
use crate::backups::{Trouble, adopt};

/// A backup younger than this may be about to be put on record by whoever made it.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let mut failed = Vec::new();
    let mut orphans = 0;
    let tenants = app.fleet.tenants_on_disk().map_err(|error| error.to_string())?;
    for tenant in &tenants {
        match retain(&app, tenant).await {
            Ok(litter) => orphans += litter,
            Err(error) => failed.push(format!("{tenant}: {error}")),
        }
    }
    metrics::gauge!("engram_backup_orphans").set(orphans as f64);
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// Returns how many pieces of litter are there and too young to be removed.
async fn retain(app: &App, tenant: &TenantId) -> Result<usize, Trouble> {
    let settings = &app.config.backup;
    let kept_for = SignedDuration::from_hours(24 * i64::from(settings.keep_replaced_days));
    let before = app.clock.now().saturating_sub(kept_for).unwrap_or_default();
    app.fleet.remove_replaced(tenant, before.as_millisecond()).await?;

    let subject = Subject::parse(tenant.as_str()).map_err(|error| Trouble::Refused(error.to_string()))?;
    let vault = &app.backups.vault;
    let listed = vault.listed(Kind::Database, &subject).await?;
    // A whole backup is no litter: a control plane that was put back from an older state does not know it yet.
    let now_ms = app.clock.now_ms();
    let is_settled = |listed: &&Listed| {
        let age = SignedDuration::from_millis(now_ms.saturating_sub(listed.modified_ms));
        listed.found == Found::Whole && age >= SETTLED_AFTER
    };
    adopt(app, tenant, &subject, &listed.iter().filter(is_settled).collect::<Vec<_>>()).await?;

    let policy =
        Policy { daily: settings.keep_daily, weekly: settings.keep_weekly, monthly: settings.keep_monthly };
    let backups = app.control.backups(tenant).await?;
    let kept = |b: &Backup| Kept { id: b.id.clone(), at: b.created_at, verified: b.verified_at.is_some() };
    let gone: HashSet<_> =
        removals(&backups.iter().map(kept).collect::<Vec<_>>(), &policy).into_iter().collect();
    for backup in backups.iter().filter(|backup| gone.contains(&backup.id)) {
        // Off the record first: what is on record can be restored.
        app.control.forget_backup(backup, &Actor::system()).await?;
        vault.remove_backup(Kind::Database, &backup.object_key).await?;
    }
    let litter = orphans(&listed, app.clock.now());
    for orphan in &litter {
        tracing::info!(object = orphan.object, found = ?orphan.found, "removes what a crash left");
        vault.remove_backup(Kind::Database, &orphan.object).await?;
    }
    Ok(listed.iter().filter(|listed| listed.found != Found::Whole).count() - litter.len())
}
