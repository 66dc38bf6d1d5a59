//! Restores a tenant: choose, fetch, verify, stop its writes, swap, ask, and let it go on. Whatever fails, it is as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use backup::{Choosable, Fetched, Kind, Reason, Which, choose};
use control::{Actor, Backup, Erasure, NewRestore, NewTenant};
use engine::{Store, StoreOptions};
use fleet::FleetError;
use jiff::Timestamp;
use serde_json::{Value, json};
use stdx::clock::SharedClock;
use tenancy::{Slug, Tenant, TenantId};

use super::back_up::subject_of;
use super::data_key::data_key;
use super::erase::erase_again;
use super::scratch::Scratch;
use super::{Progress, Trouble, back_up_tenant, smoke};
use crate::app::App;

/// Memories that a store can take in a millisecond, with room to spare: bounds the ids that a lost file may have given out
/// since its newest backup.
const IDS_PER_MS_MAX: i64 = 100;

/// What to restore, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The tenant whose file it is.
    pub(crate) tenant: Tenant,
    /// Which file.
    pub(crate) source: Source,
    /// Where it goes.
    pub(crate) destination: Destination,
}

/// Which file is restored.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A backup.
    Backup(Which),
    /// The file that an earlier restore replaced, by its name.
    Replaced(String),
}

/// Where a restored file goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// Into the place of what the tenant has now.
    Tenant,
    /// Into a tenant of that name, which is made for it.
    NewTenant(Slug),
    /// Into a folder, for somebody to look at.
    Folder(PathBuf),
}

/// A backup on record, as one to choose from.
struct OnRecord(Backup);

impl Choosable for OnRecord {
    fn id(&self) -> &str {
        &self.0.id
    }

    fn at(&self) -> Timestamp {
        self.0.created_at
    }

    fn is_verified(&self) -> bool {
        self.0.verified_at.is_some()
    }
}

/// What a restore would do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The backup it would take.
    pub(crate) backup: Option<Backup>,
    /// Memories there now; `None` when the file cannot be read.
    pub(crate) memories_now: Option<u64>,
    /// Memories of the backup that are not there now.
    pub(crate) come_back: Option<u64>,
    /// Memories there now that the backup does not have.
    pub(crate) go_away: Option<u64>,
    /// What stays erased.
    pub(crate) erasures: Vec<Erasure>,
}

/// Looks at what a restore would do; changes nothing.
///
/// # Errors
/// [`Trouble::Refused`] when there is no such backup.
pub(crate) async fn plan(app: &App, order: &Order) -> Result<Plan, Trouble> {
    let backup = chosen(app, order).await?;
    let taken_by_then = backup.as_ref().map(|backup| backup.ids_handed_out);
    let counted = match app.fleet.store(&order.tenant.id).await {
        Ok(lease) => {
            let count = move |store: &Store| {
                let shared = taken_by_then.map(|id| store.count_up_to(id)).transpose()?;
                Ok((store.tally()?.memories, shared))
            };
            lease.read(count).await.ok()
        }
        Err(_) => None,
    };
    // Ids are never given out twice: what is there with an id of then was in the backup.
    let shared = counted.and_then(|(_, shared)| shared);
    Ok(Plan {
        memories_now: counted.map(|(memories, _)| memories),
        come_back: backup.as_ref().zip(shared).map(|(backup, shared)| backup.memories.saturating_sub(shared)),
        go_away: counted.and_then(|(memories, shared)| Some(memories.saturating_sub(shared?))),
        erasures: app.control.erasures(&order.tenant.id).await?,
        backup,
    })
}

/// Restores what `order` says. The restore is on record from its beginning to its end.
///
/// # Errors
/// [`Trouble`]; everything is as it was then.
pub(crate) async fn restore(
    app: &Arc<App>,
    id: String,
    order: &Order,
    by: &Actor,
    progress: &Progress,
) -> Result<Value, Trouble> {
    progress.stage("choosing");
    let backup = chosen(app, order).await?;
    let asked = NewRestore {
        id,
        tenant_id: order.tenant.id.clone(),
        source_tenant_id: order.tenant.id.clone(),
        backup_id: backup.as_ref().map(|backup| backup.id.clone()),
        node: app.meter.node().to_owned(),
    };
    app.control.begin_restore(&asked, by).await?;
    let begun = Instant::now();
    let outcome = carry_out(app, order, backup, by, progress).await.map(|mut result| {
        result["took_ms"] = json!(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        result
    });
    let word = if outcome.is_ok() { "ok" } else { "failed" };
    metrics::counter!("engram_restores_total", "result" => word).increment(1);
    let told = outcome.as_ref().map(Value::clone).map_err(ToString::to_string);
    if let Err(error) = &told {
        tracing::error!(tenant = %order.tenant.id, stage = progress.current_stage(), error, "a restore failed");
    }
    if let Err(error) = app.control.finish_restore(&asked, &told, by).await {
        tracing::error!(restore = asked.id, %error, "the end of a restore is not on record");
    }
    outcome
}

/// Puts restores on record as failed that the end of the process before this one cut short; the files were put back by
/// the first who opened them.
///
/// # Errors
/// [`Trouble::Control`].
pub(crate) async fn fail_interrupted(app: &App) -> Result<(), Trouble> {
    for restore in app.control.unfinished_restores(app.meter.node()).await? {
        let cut_short = Err("the service ended in the middle; the tenant is as it was".to_owned());
        app.control.finish_restore(&restore.asked, &cut_short, &Actor::system()).await?;
    }
    Ok(())
}

async fn chosen(app: &App, order: &Order) -> Result<Option<Backup>, Trouble> {
    match &order.source {
        Source::Replaced(_) => Ok(None),
        Source::Backup(which) => {
            let backups = app.control.backups(&order.tenant.id).await?;
            let on_record: Vec<_> = backups.into_iter().map(OnRecord).collect();
            choose(&on_record, which).map(|found| Some(found.0.clone())).map_err(Trouble::Refused)
        }
    }
}

async fn carry_out(
    app: &Arc<App>,
    order: &Order,
    backup: Option<Backup>,
    by: &Actor,
    progress: &Progress,
) -> Result<Value, Trouble> {
    app.fleet.expect_room()?;
    let scratch = Scratch::new(&app.fleet)?;
    let file = match (&order.source, &backup) {
        (Source::Replaced(name), _) => {
            progress.stage("copying");
            let database = app.fleet.copy_replaced(&order.tenant.id, name, &scratch.file("replaced")).await?;
            settle(app, &database).await?;
            database
        }
        (Source::Backup(_), Some(backup)) => {
            let file = scratch.file("engram.db");
            fetch_proven(app, backup, &file, progress).await?;
            file
        }
        (Source::Backup(_), None) => return Err(Trouble::Refused("there is no such backup".into())),
    };
    progress.stage("verifying");
    smoke::proven(&file).await?;
    let backup_id = backup.as_ref().map(|backup| backup.id.clone());
    match &order.destination {
        Destination::Folder(folder) => into_folder(app, order, &file, folder, backup_id).await,
        Destination::NewTenant(slug) => {
            into_new_tenant(app, order, &file, slug, backup_id, by, progress).await
        }
        Destination::Tenant => {
            if app.fleet.quarantine(&order.tenant.id).is_none() {
                // What is about to be replaced can be had back, also when this machine is lost.
                back_up_tenant(app, &order.tenant.id, Reason::BeforeRestore, by, progress).await?;
            }
            let swapped = swap_in(app, &order.tenant.id, &order.tenant.id, &file, progress).await?;
            Ok(swapped.told(order.tenant.slug.as_str(), &order.tenant.id, backup_id))
        }
    }
}

/// Fetches a backup and makes sure that the file is the one that was copied. Its encrypted form stays until the answer
/// is dropped.
pub(super) async fn fetch_proven(
    app: &App,
    backup: &Backup,
    file: &Path,
    progress: &Progress,
) -> Result<Fetched, Trouble> {
    progress.stage("fetching");
    let subject = subject_of(&backup.tenant_id)?;
    let key = data_key(app, Kind::Database, &subject).await?;
    let vault = &app.backups.vault;
    let manifest = backup::fetch_manifest(vault, &key, &subject, Kind::Database, &backup.object_key).await?;
    if manifest.id.as_str() != backup.id || manifest.stored_sha256 != backup.sha256 {
        return Err(Trouble::Refused(format!(
            "{} is not the backup that is on record; take another",
            backup.object_key
        )));
    }
    let told = |done, total| progress.at(done, total);
    let fetched = backup::fetch(vault, &key, &manifest, file, &told).await?;
    let differences = smoke::differences(&smoke::examined(file).await?, &manifest);
    if differences.is_empty() {
        return Ok(fetched);
    }
    Err(Trouble::Refused(format!("the restored file is not what was copied: {}", differences.join("; "))))
}

/// What a swap did.
struct Swapped {
    memories: u64,
    replaced: Option<String>,
    erased: Vec<i64>,
    ids_above: i64,
}

impl Swapped {
    fn told(self, into: &str, tenant: &TenantId, backup: Option<String>) -> Value {
        json!({
            "status": "restored",
            "into": into,
            "tenant_id": tenant.as_str(),
            "backup": backup,
            "memories": self.memories,
            "replaced": self.replaced,
            "ids_above": self.ids_above,
            "erasures": {"applied": self.erased.len(), "ids": self.erased},
        })
    }
}

/// Stops the tenant's writes and puts `file` in the place of what is there. `source` is the tenant whose file it is.
async fn swap_in(
    app: &App,
    source: &TenantId,
    tenant: &TenantId,
    file: &Path,
    progress: &Progress,
) -> Result<Swapped, Trouble> {
    progress.stage("stopping_writes");
    let maintenance = app.fleet.begin_maintenance(tenant).await?;
    let ids_above = ids_taken(app, tenant).await?;
    // Read now: whatever was erased before the writes stopped is on record.
    let erasures = app.control.erasures(source).await?;
    progress.stage("preparing");
    let (path, options) = (file.to_owned(), store_options(app));
    let (erased, memories) = smoke::blocking(move || {
        let store = Store::open(&path, options)?;
        let erased = erase_again(&store, &erasures)?.ids;
        store.keep_ids_above(ids_above)?;
        store.checkpoint()?;
        Ok((erased, store.tally()?.memories))
    })
    .await?;
    progress.stage("swapping");
    let replaced = maintenance
        .swap(file, move |store| {
            let found = store.tally()?.memories;
            if found != memories {
                let told = format!("{found} memories are there instead of {memories}");
                return Err(engine::EngineError::Internal(told));
            }
            smoke::ask(store).map(drop)
        })
        .await?;
    Ok(Swapped { memories, replaced, erased, ids_above })
}

/// The highest id that the tenant's file may have given out.
async fn ids_taken(app: &App, tenant: &TenantId) -> Result<i64, Trouble> {
    // A file that is not there is not made only to be asked.
    let there = !app.fleet.change_stamp(tenant).starts_with('-');
    let asked = if there { app.fleet.store(tenant).await } else { Err(FleetError::Missing) };
    match asked {
        Ok(lease) => Ok(lease.read(Store::ids_handed_out).await?),
        Err(FleetError::Missing | FleetError::Quarantined(_) | FleetError::Open(_)) => {
            // Nobody can ask it. No store hands out more than so many a millisecond.
            let newest = app.control.backups(tenant).await?.into_iter().next();
            let Some(newest) = newest else { return Ok(0) };
            let since_ms = app.clock.now().duration_since(newest.created_at).as_millis().max(0);
            let since_ms = i64::try_from(since_ms).unwrap_or(i64::MAX);
            Ok(newest.ids_handed_out.saturating_add(since_ms.saturating_mul(IDS_PER_MS_MAX)))
        }
        Err(other) => Err(other.into()),
    }
}

/// Puts a backup of a tenant back where nothing of it is left; returns its memories.
pub(super) async fn put_back(app: &App, backup: &Backup, progress: &Progress) -> Result<u64, Trouble> {
    let scratch = Scratch::new(&app.fleet)?;
    let file = scratch.file("engram.db");
    fetch_proven(app, backup, &file, progress).await?;
    smoke::proven(&file).await?;
    app.fleet.create_tenant_folder(&backup.tenant_id)?;
    Ok(swap_in(app, &backup.tenant_id, &backup.tenant_id, &file, progress).await?.memories)
}

async fn into_folder(
    app: &App,
    order: &Order,
    file: &Path,
    folder: &Path,
    backup: Option<String>,
) -> Result<Value, Trouble> {
    let erasures = app.control.erasures(&order.tenant.id).await?;
    let (from, to, options) = (file.to_owned(), folder.join("engram.db"), store_options(app));
    let shown = to.clone();
    let (erased, memories) = smoke::blocking(move || {
        let failed = |error: std::io::Error| engine::EngineError::Disk(format!("{}: {error}", to.display()));
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        if to.exists() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let (erased, memories) = {
            let store = Store::open(&from, options)?;
            let erased = erase_again(&store, &erasures)?.ids;
            smoke::ask(&store)?;
            store.checkpoint()?;
            (erased, store.tally()?.memories)
        };
        std::fs::copy(&from, &to).map_err(failed)?;
        Ok((erased, memories))
    })
    .await?;
    Ok(json!({
        "status": "restored",
        "into": shown,
        "tenant_id": order.tenant.id.as_str(),
        "backup": backup,
        "memories": memories,
        "erasures": {"applied": erased.len(), "ids": erased},
    }))
}

async fn into_new_tenant(
    app: &App,
    order: &Order,
    file: &Path,
    slug: &Slug,
    backup: Option<String>,
    by: &Actor,
    progress: &Progress,
) -> Result<Value, Trouble> {
    progress.stage("creating_tenant");
    let new = NewTenant {
        slug: slug.clone(),
        name: slug.to_string(),
        kind: order.tenant.kind,
        plan: order.tenant.plan.clone(),
        owner: None,
    };
    let tenant = app.control.create_tenant(new, by).await?;
    let filled = async {
        app.fleet.create_tenant_folder(&tenant.id)?;
        swap_in(app, &order.tenant.id, &tenant.id, file, progress).await
    };
    match filled.await {
        Ok(swapped) => Ok(swapped.told(slug.as_str(), &tenant.id, backup)),
        Err(error) => {
            // Nothing half made stays behind; the job of deletions takes the folder.
            if let Err(left) = app.control.delete_tenant(slug, &Actor::system()).await {
                tracing::error!(%slug, %left, "a tenant that could not be filled stays behind");
            }
            app.deletions.wake();
            Err(error)
        }
    }
}

/// Opens a copied file once, so that what its write-ahead log holds is in it, and closes it.
async fn settle(app: &App, file: &Path) -> Result<(), Trouble> {
    let (file, options) = (file.to_owned(), store_options(app));
    smoke::blocking(move || Store::open(&file, options)?.checkpoint()).await
}

pub(super) fn store_options(app: &App) -> StoreOptions {
    StoreOptions { clock: SharedClock::clone(&app.clock), model: app.vectors.model() }
}
