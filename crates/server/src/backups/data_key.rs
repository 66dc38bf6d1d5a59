//! The key of one subject's backups: made once, kept wrapped in the control plane and beside the backups, and destroyed
//! with its tenant.

use backup::{DataKey, Kind, Subject, WrappedKey};
use control::{Actor, BackupKey, WrappedBackupKey};
use serde_json::{Value, json};

use super::{Progress, Trouble};
use crate::app::App;

/// The subject's key; made if it never had one, and kept beside its backups before the first of them.
pub(super) async fn data_key(app: &App, kind: Kind, subject: &Subject) -> Result<DataKey, Trouble> {
    let stands = match app.control.backup_key(subject.as_str()).await? {
        Some(stands) => stands,
        None => {
            let wrapped = kept_or_new(app, kind, subject).await?;
            app.control.put_backup_key(subject.as_str(), &to_control(&wrapped)).await?
        }
    };
    let wrapped = to_backup(subject, stands)?;
    let key = app.backups.operator_keys.unwrap(subject, &wrapped)?;
    app.backups.vault.put_key(kind, subject, &wrapped).await?;
    Ok(key)
}

/// The key that lies beside the subject's backups, if a control plane that was lost made one; else a new one. A new key in
/// the place of a kept one would make every backup of before unreadable.
async fn kept_or_new(app: &App, kind: Kind, subject: &Subject) -> Result<WrappedKey, Trouble> {
    let keys = &app.backups.operator_keys;
    let mut told = None;
    for wrapped in app.backups.vault.keys(kind, subject).await? {
        match keys.unwrap(subject, &wrapped) {
            Ok(_) => return Ok(wrapped),
            Err(error) => told = Some(error),
        }
    }
    match told {
        Some(error) => Err(error.into()),
        None => Ok(keys.wrap(subject, &DataKey::generate())?),
    }
}

/// Destroys a tenant's key: from then on its backups are noise.
///
/// # Errors
/// [`Trouble`]; safe to repeat.
pub(crate) async fn destroy(app: &App, subject: &Subject) -> Result<(), Trouble> {
    app.control.destroy_backup_key(subject.as_str(), &Actor::system()).await?;
    app.backups.vault.remove_keys(Kind::Database, subject).await?;
    Ok(())
}

/// Wraps every key that an older operator's key opens with the one in use. Backups stay as they are.
///
/// # Errors
/// [`Trouble`] at the first key that does not open; safe to repeat.
pub(crate) async fn rotate(app: &App, progress: &Progress) -> Result<Value, Trouble> {
    let keys = &app.backups.operator_keys;
    let current = keys.current().id();
    let old = app.control.backup_keys_not_of(&current).await?;
    progress.stage("wrapping");
    let mut wrapped_anew = 0_u64;
    for (at, stands) in old.iter().enumerate() {
        progress.at(at as u64, old.len() as u64);
        let subject = Subject::parse(&stands.subject).map_err(|error| Trouble::Refused(error.to_string()))?;
        let kind = if stands.subject == "control" { Kind::ControlPlane } else { Kind::Database };
        let wrapped = to_backup(&subject, stands.clone())?;
        let again = keys.wrap(&subject, &keys.unwrap(&subject, &wrapped)?)?;
        let changed = app
            .control
            .rewrap_backup_key(&stands.subject, &to_control(&wrapped), &to_control(&again))
            .await?;
        if changed {
            // After the control plane: the vault's copy follows what stands there.
            app.backups.vault.put_key(kind, &subject, &again).await?;
            wrapped_anew += 1;
        }
    }
    Ok(json!({ "operator_key": current, "wrapped": wrapped_anew }))
}

fn to_control(wrapped: &WrappedKey) -> WrappedBackupKey {
    WrappedBackupKey { operator_key: wrapped.operator_key.clone(), sealed: wrapped.sealed.clone() }
}

fn to_backup(subject: &Subject, stands: BackupKey) -> Result<WrappedKey, Trouble> {
    let destroyed = || Trouble::Refused(format!("the backup key of {subject} was destroyed with its tenant"));
    let WrappedBackupKey { operator_key, sealed } = stands.wrapped.ok_or_else(destroyed)?;
    Ok(WrappedKey { operator_key, sealed })
}
