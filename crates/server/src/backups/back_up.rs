//! Backs up tenants while they are written to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use backup::{BackupError, BackupId, Description, Facts, Kind, Reason, Subject, TableFacts};
use control::{Actor, Backup};
use engine::FileFacts;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tenancy::{TenantId, TenantStatus};

use super::data_key::data_key;
use super::scratch::Scratch;
use super::{Progress, Trouble};
use crate::app::App;

/// Backups of one tenant within one millisecond; a name holds one.
const TRIES_MAX: u32 = 20;

/// Copies the tenant's store, ships the copy and puts it on record.
///
/// # Errors
/// [`Trouble`]; there is no backup then.
pub(crate) async fn back_up_tenant(
    app: &App,
    tenant: &TenantId,
    reason: Reason,
    by: &Actor,
    progress: &Progress,
) -> Result<Backup, Trouble> {
    let begun = Instant::now();
    let outcome = attempt(app, tenant, reason, by, progress).await;
    tell(tenant, begun, &outcome, progress);
    outcome
}

/// Counts a backup that ended.
pub(super) fn tell(
    tenant: &TenantId,
    begun: Instant,
    outcome: &Result<Backup, Trouble>,
    progress: &Progress,
) {
    match outcome {
        Ok(backup) => {
            metrics::counter!("engram_backups_total", "result" => "ok").increment(1);
            metrics::counter!("engram_backup_bytes_total").increment(backup.size_bytes);
            metrics::histogram!("engram_backup_duration_seconds").record(begun.elapsed().as_secs_f64());
        }
        Err(error) => {
            metrics::counter!("engram_backups_total", "result" => "failed").increment(1);
            metrics::counter!("engram_backup_failures_total", "stage" => progress.current_stage())
                .increment(1);
            tracing::error!(%tenant, stage = progress.current_stage(), %error, "a backup failed");
        }
    }
}

async fn attempt(
    app: &App,
    tenant: &TenantId,
    reason: Reason,
    by: &Actor,
    progress: &Progress,
) -> Result<Backup, Trouble> {
    let _seat = app.backups.seats.acquire().await.map_err(|error| Trouble::Refused(error.to_string()))?;
    progress.stage("copying");
    app.fleet.expect_room()?;
    // Before the copy: what changes meanwhile makes the next backup due.
    let stamp = app.fleet.change_stamp(tenant);
    let lease = app.fleet.store(tenant).await?;
    let scratch = Scratch::new(&app.fleet)?;
    let (file, copy) = (scratch.file("engram.db"), scratch.file("engram.db"));
    lease.read(move |store| store.snapshot(&copy)).await?;
    drop(lease);
    ship_copy(app, tenant, &file, reason, Some(stamp), by, progress).await
}

/// Ships `file`, a copy of the tenant's store that nobody has open, and puts it on record. `stamp` is what
/// [`Fleet::change_stamp`](fleet::Fleet::change_stamp) said before it was copied.
pub(super) async fn ship_copy(
    app: &App,
    tenant: &TenantId,
    file: &Path,
    reason: Reason,
    stamp: Option<String>,
    by: &Actor,
    progress: &Progress,
) -> Result<Backup, Trouble> {
    let mut at = app.clock.now();
    progress.stage("examining");
    let facts = super::smoke::examined(file).await?;
    let subject = subject_of(tenant)?;
    let key = data_key(app, Kind::Database, &subject).await?;

    progress.stage("shipping");
    let told = |done, total| progress.at(done, total);
    let mut tries = 0;
    let manifest = loop {
        let description = Description {
            id: BackupId::at(at),
            subject: subject.clone(),
            kind: Kind::Database,
            ts_ms: at.as_millisecond(),
            reason,
            facts: to_manifest(&facts),
            made_by: concat!("engram ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        match backup::ship(&app.backups.vault, &key, file, description, &told).await {
            Err(BackupError::Taken { .. }) if tries < TRIES_MAX => {
                tries += 1;
                at = at.saturating_add(SignedDuration::from_millis(1)).unwrap_or(at);
            }
            shipped => break shipped?,
        }
    };

    progress.stage("recording");
    let made = Backup {
        id: manifest.id.to_string(),
        tenant_id: tenant.clone(),
        created_at: at,
        reason: reason.as_str().to_owned(),
        schema_version: facts.schema_version,
        object_key: manifest.object,
        size_bytes: manifest.stored_bytes,
        sha256: manifest.stored_sha256,
        plain_bytes: manifest.plain_bytes,
        memories: facts.memories(),
        ids_handed_out: facts.ids_handed_out,
        source_stamp: stamp,
        verified_at: None,
    };
    app.control.record_backup(&made, by).await?;
    Ok(made)
}

/// What a run over many tenants did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct BackedUp {
    /// Tenants that have a new backup.
    pub(crate) backed_up: u64,
    /// Tenants that have not changed since their newest one.
    pub(crate) unchanged: u64,
    /// Tenants that could not be backed up.
    pub(crate) failed: Vec<Failed>,
}

/// A tenant that could not be backed up.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    /// Its slug.
    pub(crate) tenant: String,
    /// Why.
    pub(crate) error: String,
}

/// Backs up every tenant of this node that changed since its newest backup, if that is older than `older_than`.
///
/// # Errors
/// [`Trouble`] when the tenants cannot be named; one that fails does not keep the others from theirs.
pub(crate) async fn back_up_changed(
    app: &Arc<App>,
    older_than: SignedDuration,
    reason: Reason,
    by: &Actor,
    progress: &Progress,
) -> Result<BackedUp, Trouble> {
    let newest = newest_by_tenant(app).await?;
    let tenants = app.fleet.tenants_on_disk()?;
    let mut done = BackedUp::default();
    for (at, id) in tenants.iter().enumerate() {
        let Some(tenant) = app.control.tenant_by_id(id).await? else { continue };
        if tenant.status == TenantStatus::Deleted || app.fleet.quarantine(id).is_some() {
            continue;
        }
        let stamp = app.fleet.change_stamp(id);
        if !is_due(newest.get(id), &stamp, app.clock.now(), older_than) {
            done.unchanged += 1;
            continue;
        }
        match back_up_tenant(app, id, reason, by, progress).await {
            Ok(_) => done.backed_up += 1,
            Err(error) => {
                done.failed.push(Failed { tenant: tenant.slug.to_string(), error: error.to_string() });
            }
        }
        progress.stage("backing_up");
        progress.at(at as u64 + 1, tenants.len() as u64);
    }
    if reason == Reason::OnDemand {
        // Whoever asks for all of it wants to be able to make all of it again.
        super::back_up_control_plane(app, reason, progress).await?;
    }
    Ok(done)
}

/// Whether a tenant whose file looks like `stamp` needs a backup.
pub(crate) fn is_due(
    newest: Option<&Backup>,
    stamp: &str,
    now: Timestamp,
    older_than: SignedDuration,
) -> bool {
    match newest {
        // A tenant that never stored anything has no file.
        None => !stamp.starts_with('-'),
        Some(newest) => {
            newest.source_stamp.as_deref() != Some(stamp)
                && now.duration_since(newest.created_at) >= older_than
        }
    }
}

/// Each tenant's newest backup.
pub(super) async fn newest_by_tenant(app: &App) -> Result<HashMap<TenantId, Backup>, Trouble> {
    let mut newest: HashMap<TenantId, Backup> = HashMap::new();
    for backup in app.control.newest_backups().await? {
        let known = newest.get(&backup.tenant_id);
        if known.is_none_or(|known| known.created_at < backup.created_at) {
            newest.insert(backup.tenant_id.clone(), backup);
        }
    }
    Ok(newest)
}

pub(super) fn subject_of(tenant: &TenantId) -> Result<Subject, Trouble> {
    Subject::parse(tenant.as_str()).map_err(|error| Trouble::Refused(error.to_string()))
}

pub(super) fn to_manifest(facts: &FileFacts) -> Facts {
    let table = |(name, table): (&String, &engine::TableRows)| {
        (name.clone(), TableFacts { rows: table.rows, hash: table.hash.clone() })
    };
    Facts {
        schema_version: facts.schema_version,
        written_by: format!("SQLite {}", engine::sqlite_version()),
        ids_handed_out: facts.ids_handed_out,
        tables: facts.tables.iter().map(table).collect(),
        content_hash: facts.content_hash.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_due_when_it_changed_and_enough_time_went_by() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let day = SignedDuration::from_hours(24);
        let backup = |hours_ago: i64, stamp: &str| Backup {
            id: "bkp_1".into(),
            tenant_id: TenantId::parse("ten_00000000000000000000000000000000").unwrap(),
            created_at: now - SignedDuration::from_hours(hours_ago),
            reason: "scheduled".into(),
            schema_version: 1,
            object_key: "k".into(),
            size_bytes: 1,
            sha256: "s".into(),
            plain_bytes: 1,
            memories: 1,
            ids_handed_out: 1,
            source_stamp: (!stamp.is_empty()).then(|| stamp.to_owned()),
            verified_at: None,
        };
        for (newest, stamp, older_than, want) in [
            (None, "- -", day, false),
            (None, "4096@1 -", day, true),
            (Some(backup(25, "4096@1 -")), "4096@1 -", day, false),
            (Some(backup(25, "4096@1 -")), "4096@2 -", day, true),
            (Some(backup(23, "4096@1 -")), "4096@2 -", day, false),
            (Some(backup(23, "4096@1 -")), "4096@2 -", SignedDuration::ZERO, true),
            (Some(backup(25, "")), "4096@1 -", day, true),
        ] {
            assert_eq!(is_due(newest.as_ref(), stamp, now, older_than), want, "{newest:?} {stamp}");
        }
    }
}
