//! Removes what deleted tenants stored, step by step. Their traffic stopped when the deletion was asked for; each
//! step is noted when it is done, and may be repeated, so a crash at any point is picked up at the next start.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use backup::{Kind, Subject};
use control::{Actor, Deletion};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tenancy::TenantId;
use tokio::sync::Notify;

use crate::app::App;
use crate::backups;

/// The first wait after a failed try; it doubles with each.
const RETRY_FIRST: SignedDuration = SignedDuration::from_secs(30);
/// The longest wait between two tries.
const RETRY_MAX: SignedDuration = SignedDuration::from_hours(1);

/// What removes a tenant, in this order. A step answers what it did, for the receipt. The key goes first: with it every
/// backup becomes unreadable at once, however long their removal takes.
const STEPS: &[Step] = &[
    Step { name: "destroy_backup_key", run: |app, tenant| Box::pin(destroy_backup_key(app, tenant)) },
    Step { name: "count_contents", run: |app, tenant| Box::pin(count_contents(app, tenant)) },
    Step { name: "remove_files", run: |app, tenant| Box::pin(remove_files(app, tenant)) },
    Step { name: "remove_backups", run: |app, tenant| Box::pin(remove_backups(app, tenant)) },
];

struct Step {
    name: &'static str,
    run: fn(Arc<App>, TenantId) -> Outcome,
}

type Outcome = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// Deletions on their way: a bell for the job, and when to try again those that failed. A restart tries at once.
#[derive(Debug, Default)]
pub struct Deletions {
    bell: Arc<Notify>,
    not_before: Mutex<HashMap<TenantId, Timestamp>>,
}

impl Deletions {
    /// Has the job run now.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    pub(super) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    fn is_due(&self, tenant: &TenantId, now: Timestamp) -> bool {
        self.not_before.lock().get(tenant).is_none_or(|at| *at <= now)
    }

    fn postpone(&self, tenant: &TenantId, until: Timestamp) {
        self.not_before.lock().insert(tenant.clone(), until);
    }

    fn forget(&self, tenant: &TenantId) {
        self.not_before.lock().remove(tenant);
    }
}

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let unfinished = app.control.unfinished_deletions().await.map_err(|error| error.to_string())?;
    let mut failed = Vec::new();
    let mut left = 0_u32;
    for deletion in unfinished {
        let tenant = deletion.tenant_id.clone();
        if !app.deletions.is_due(&tenant, app.clock.now()) {
            left += 1;
            continue;
        }
        if let Err(error) = carry_on(&app, &deletion).await {
            left += 1;
            let wait = wait_after(deletion.attempts);
            let now = app.clock.now();
            app.deletions.postpone(&tenant, now.saturating_add(wait).unwrap_or(now));
            if let Err(error) = app.control.note_deletion_failure(&tenant, &error).await {
                tracing::warn!(%tenant, %error, "the failure of a deletion is not on record");
            }
            failed.push(format!("deletion of {tenant}: {error}"));
        }
    }
    metrics::gauge!("engram_deletions_unfinished").set(f64::from(left));
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// The steps that are not done yet, and the receipt.
async fn carry_on(app: &Arc<App>, deletion: &Deletion) -> Result<(), String> {
    let tenant = &deletion.tenant_id;
    for step in STEPS.iter().filter(|step| !deletion.steps.contains_key(step.name)) {
        let did = (step.run)(Arc::clone(app), tenant.clone());
        let did = did.await.map_err(|error| format!("{}: {error}", step.name))?;
        app.control.note_deletion_step(tenant, step.name, did).await.map_err(|error| error.to_string())?;
    }
    app.control.finish_deletion(tenant, &Actor::system()).await.map_err(|error| error.to_string())?;
    app.deletions.forget(tenant);
    tracing::info!(%tenant, slug = %deletion.slug, "a deleted tenant has left nothing behind");
    Ok(())
}

async fn destroy_backup_key(app: Arc<App>, tenant: TenantId) -> Result<Value, String> {
    let subject = Subject::parse(tenant.as_str()).map_err(|error| error.to_string())?;
    backups::destroy(&app, &subject).await.map_err(|error| error.to_string())?;
    Ok(json!({ "done_at": app.clock.now() }))
}

async fn remove_backups(app: Arc<App>, tenant: TenantId) -> Result<Value, String> {
    let subject = Subject::parse(tenant.as_str()).map_err(|error| error.to_string())?;
    let on_record = app.control.backups(&tenant).await.map_err(|error| error.to_string())?;
    for backup in &on_record {
        app.control.forget_backup(backup, &Actor::system()).await.map_err(|error| error.to_string())?;
    }
    let objects = app.backups.vault.remove_subject(Kind::Database, &subject).await;
    let objects = objects.map_err(|error| error.to_string())?;
    Ok(json!({ "done_at": app.clock.now(), "backups": on_record.len(), "objects": objects }))
}

/// Counted before anything is removed, so that the receipt is true over a crash. A store that does not open is
/// removed all the same.
async fn count_contents(app: Arc<App>, tenant: TenantId) -> Result<Value, String> {
    let holdings = app.fleet.holdings(&tenant).await.map_err(|error| error.to_string())?;
    let memories = match app.fleet.store(&tenant).await {
        Ok(lease) => lease.read(|store| store.stats()).await.ok().map(|stats| stats.memories),
        Err(_) => None,
    };
    Ok(json!({ "files": holdings.files, "bytes": holdings.bytes, "memories": memories }))
}

async fn remove_files(app: Arc<App>, tenant: TenantId) -> Result<Value, String> {
    app.fleet.remove_tenant(&tenant).await.map_err(|error| error.to_string())?;
    Ok(json!({ "done_at": app.clock.now() }))
}

/// How long to wait after the try that follows `attempts` failed ones.
fn wait_after(attempts: u32) -> SignedDuration {
    RETRY_FIRST.saturating_mul(1 << attempts.min(16)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_an_hour() {
        let waits: Vec<_> = [0, 1, 2, 6, 7, 1_000].map(|attempts| wait_after(attempts).as_secs()).into();
        assert_eq!(waits, [30, 60, 120, 1_920, 3_600, 3_600]);
    }
}
