//! A machine that is lost, made again: an empty folder, the vault and the operator's key become the same service.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use backup::{Found, Kind, OperatorKeys, Subject, Vault};
use control::{Actor, Backup, Control, OtherEnvironment, WrappedBackupKey};
use jiff::Timestamp;
use serde::Serialize;
use stdx::clock::{SharedClock, SystemClock};
use tenancy::{TenantId, TenantStatus};

use super::adopt::adopt;
use super::control_plane::{moment_of, subject};
use super::restore::put_back;
use super::{HOME_MADE_KEY, Progress, Trouble, operator_keys, vault};
use crate::app::App;
use crate::config::Config;

/// What was made again.
#[derive(Debug, Serialize)]
pub struct Rebuilt {
    /// The moment that the control plane shows.
    pub control_plane: Timestamp,
    /// Rows of the control plane.
    pub rows: u64,
    /// Each tenant that is not deleted.
    pub tenants: Vec<RebuiltTenant>,
}

/// A tenant that was made again.
#[derive(Debug, Serialize)]
pub struct RebuiltTenant {
    /// Its slug.
    pub tenant: String,
    /// The backup it was made of; `None` when it never had one.
    pub backup: Option<String>,
    /// The moment that it shows.
    pub as_of: Option<Timestamp>,
    /// Memories it has now.
    pub memories: Option<u64>,
    /// Why it is not there; the others are.
    pub error: Option<String>,
}

/// Makes the service again in the empty data folder (and control plane) of `config`. The caller owns the folder.
///
/// # Errors
/// [`Trouble`] when the vault, the key or the control plane cannot be used; a tenant that cannot be restored is part of the
/// result.
pub async fn rebuild(config: Config) -> Result<Rebuilt, Trouble> {
    let progress = &Progress::unwatched();
    if !config.backup.has_operator_key() && !config.service.data_dir.join(HOME_MADE_KEY).exists() {
        let told = "the operator's key is needed: give it as ENGRAM_BACKUP_OPERATOR_KEY, or its file with --set \
                    backup.operator_key_file=FILE";
        return Err(Trouble::Refused(told.into()));
    }
    let (vault, keys) = (vault(&config)?, operator_keys(&config)?);
    progress.stage("control_plane");
    let (control_plane, rows) = import_control_plane(&config, &vault, &keys).await?;
    progress.stage("starting");
    let app = App::open(config).await.map_err(|error| Trouble::Refused(error.to_string()))?;
    let tenants = restore_tenants(&app, progress).await;
    app.shutdown().await;
    Ok(Rebuilt { control_plane, rows, tenants: tenants? })
}

async fn import_control_plane(
    config: &Config,
    vault: &Vault,
    keys: &OperatorKeys,
) -> Result<(Timestamp, u64), Trouble> {
    let subject = subject()?;
    let key = unwrapped(vault, keys, Kind::ControlPlane, &subject).await?;
    let listed = vault.listed(Kind::ControlPlane, &subject).await?;
    let whole = listed.into_iter().filter(|listed| listed.found == Found::Whole);
    let newest = whole.max_by_key(|listed| moment_of(&listed.object));
    let none = || Trouble::Refused(format!("{} has no backup of a control plane", vault.shown()));
    let object = newest.ok_or_else(none)?.object;
    let manifest = backup::fetch_manifest(vault, &key, &subject, Kind::ControlPlane, &object).await?;

    let folder = &config.service.data_dir;
    let failed = |error: std::io::Error| Trouble::Refused(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder.join("control")).map_err(failed)?;
    let file = folder.join("control/import.jsonl");
    let _ = std::fs::remove_file(&file);
    backup::fetch(vault, &key, &manifest, &file, &|_, _| {}).await?;
    let clock: SharedClock = SystemClock::shared();
    let control = crate::app::open_control_plane(config, &clock).await;
    let control = control.map_err(|error| Trouble::Refused(error.to_string()))?;
    let source = BufReader::new(File::open(&file).map_err(failed)?);
    let imported = control.import(source, OtherEnvironment::Refuse, &Actor::local(), |_| {}).await;
    let _ = std::fs::remove_file(&file);
    let imported = imported?;
    adopt_keys(&control, vault).await?;
    Ok((imported.exported_at, imported.transferred.rows))
}

async fn unwrapped(
    vault: &Vault,
    keys: &OperatorKeys,
    kind: Kind,
    subject: &Subject,
) -> Result<backup::DataKey, Trouble> {
    let mut told = Trouble::Refused(format!("{} has no key of {subject}", vault.shown()));
    for wrapped in vault.keys(kind, subject).await? {
        match keys.unwrap(subject, &wrapped) {
            Ok(key) => return Ok(key),
            Err(error) => told = error.into(),
        }
    }
    Err(told)
}

/// The keys that lie beside the backups; one that the control plane knows as destroyed stays destroyed.
async fn adopt_keys(control: &Control, vault: &Vault) -> Result<(), Trouble> {
    let own = subject()?;
    let all = vault.subjects().await?.into_iter().map(|subject| (Kind::Database, subject));
    for (kind, subject) in all.chain([(Kind::ControlPlane, own)]) {
        if let Some(wrapped) = vault.keys(kind, &subject).await?.pop() {
            let wrapped = WrappedBackupKey { operator_key: wrapped.operator_key, sealed: wrapped.sealed };
            control.put_backup_key(subject.as_str(), &wrapped).await?;
        }
    }
    Ok(())
}

async fn restore_tenants(app: &Arc<App>, progress: &Progress) -> Result<Vec<RebuiltTenant>, Trouble> {
    let mut rebuilt = Vec::new();
    let subjects = app.backups.vault.subjects().await?;
    for (at, subject) in subjects.iter().enumerate() {
        progress.stage("tenants");
        progress.at(at as u64, subjects.len() as u64);
        let Ok(id) = TenantId::parse(subject.as_str()) else { continue };
        let Some(tenant) = app.control.tenant_by_id(&id).await? else { continue };
        if tenant.status == TenantStatus::Deleted {
            continue;
        }
        let newest = reconcile(app, &id, subject).await;
        let restored = match newest {
            Ok(Some(backup)) => {
                put_back(app, &backup, progress).await.map(|memories| Some((backup, memories)))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let (backup, memories, error) = match restored {
            Ok(Some((backup, memories))) => (Some(backup), Some(memories), None),
            Ok(None) => (None, None, None),
            Err(error) => (None, None, Some(error.to_string())),
        };
        rebuilt.push(RebuiltTenant {
            tenant: tenant.slug.to_string(),
            as_of: backup.as_ref().map(|backup| backup.created_at),
            backup: backup.map(|backup| backup.id),
            memories,
            error,
        });
    }
    Ok(rebuilt)
}

/// Makes the record say what the vault has: backups that are newer than the control plane's own backup are put on it, those
/// that are gone are taken off. Returns the newest.
async fn reconcile(app: &App, tenant: &TenantId, subject: &Subject) -> Result<Option<Backup>, Trouble> {
    let listed = app.backups.vault.listed(Kind::Database, subject).await?;
    let whole: Vec<_> = listed.iter().filter(|listed| listed.found == Found::Whole).collect();
    adopt(app, tenant, subject, &whole).await?;
    let there: HashSet<_> = whole.iter().map(|listed| listed.object.as_str()).collect();
    let on_record = app.control.backups(tenant).await?;
    for gone in on_record.iter().filter(|backup| !there.contains(backup.object_key.as_str())) {
        app.control.forget_backup(gone, &Actor::local()).await?;
    }
    Ok(on_record.into_iter().find(|backup| there.contains(backup.object_key.as_str())))
}
