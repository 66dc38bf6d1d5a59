//! What lies in the vault: backups, litter of crashes, and wrapped keys; and how all of it is removed.

use std::collections::BTreeMap;

use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::name::{Kind, MANIFEST, Place};
use crate::operator_key::WrappedKey;
use crate::{BackupError, DataKey, Subject, Vault};

/// Largest wrapped key that is read, in bytes.
const KEY_BYTES_MAX: u64 = 4_096;

/// Something that lies where a subject's backups lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub found: Found,
    /// Name of the object, whether it is there or not.
    pub object: String,
    /// Name of the manifest, whether it is there or not.
    pub manifest: String,
    /// Bytes of what is there.
    pub bytes: u64,
    /// When the newest part of it was written, in milliseconds since 1970.
    pub modified_ms: i64,
}

/// What something in the vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A backup.
    Whole,
    /// An object without its manifest: a backup that is being made, or was not finished.
    NoManifest,
    /// A manifest without its object: a backup whose removal was not finished, or a loss.
    NoObject,
}

impl Vault {
    /// Everything of a subject, oldest first.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn listed(&self, kind: Kind, subject: &Subject) -> Result<Vec<Listed>, BackupError> {
        let objects = self.list(&kind.folder(subject)).await?;
        let mut stems: BTreeMap<String, (bool, bool, u64, i64)> = BTreeMap::new();
        for object in objects {
            let (stem, is_manifest) =
                match (object.key.strip_suffix(MANIFEST), object.key.strip_suffix(kind.extension())) {
                    (Some(stem), _) => (stem, true),
                    (None, Some(stem)) => (stem, false),
                    (None, None) => continue,
                };
            let entry = stems.entry(stem.to_owned()).or_default();
            if is_manifest {
                entry.0 = true
            } else {
                entry.1 = true
            }
            entry.2 += object.bytes;
            entry.3 = entry.3.max(object.modified_ms);
        }
        let listed = stems.into_iter().filter_map(|(stem, (manifest, object, bytes, modified_ms))| {
            let place = Place::of_manifest(kind, &format!("{stem}{MANIFEST}"))?;
            let found = match (manifest, object) {
                (true, true) => Found::Whole,
                (false, _) => Found::NoManifest,
                (true, false) => Found::NoObject,
            };
            Some(Listed { found, object: place.object, manifest: place.manifest, bytes, modified_ms })
        });
        Ok(listed.collect())
    }

    /// The manifest of something listed, proven with `key`, or unproven without one.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn manifest(&self, listed: &Listed, key: Option<&DataKey>) -> Result<Manifest, BackupError> {
        let bytes = self.get(&listed.manifest, MANIFEST_BYTES_MAX).await?;
        Manifest::from_bytes(&listed.manifest, &bytes, key)
    }

    /// Removes the backup whose object has this name: the manifest first, so that what is left is litter and no promise.
    /// Safe to repeat.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn remove_backup(&self, kind: Kind, object: &str) -> Result<(), BackupError> {
        if let Some(stem) = object.strip_suffix(kind.extension()) {
            self.remove(&format!("{stem}{MANIFEST}")).await?;
        }
        self.remove(object).await
    }

    /// Removes everything of a subject, its wrapped keys first: from then on the rest is noise. Returns how many objects
    /// went. Safe to repeat.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn remove_subject(&self, kind: Kind, subject: &Subject) -> Result<u64, BackupError> {
        self.remove_keys(kind, subject).await?;
        let objects = self.list(&kind.folder(subject)).await?;
        let (manifests, rest): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|object| object.key.ends_with(MANIFEST));
        let mut removed = 0;
        for object in manifests.into_iter().chain(rest) {
            self.remove(&object.key).await?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Whose backups there are.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn subjects(&self) -> Result<Vec<Subject>, BackupError> {
        let folders = self.folders("tenants").await?;
        Ok(folders.iter().filter_map(|name| Subject::parse(name).ok()).collect())
    }

    /// Keeps a subject's wrapped key beside its backups, so that the vault and the operator's key are enough to rebuild.
    /// Keys wrapped with another operator's key go, after this one is there.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn put_key(
        &self,
        kind: Kind,
        subject: &Subject,
        wrapped: &WrappedKey,
    ) -> Result<(), BackupError> {
        let name = key_name(kind, subject, &wrapped.operator_key);
        let bytes = serde_json::to_vec(wrapped).map_err(|error| BackupError::Defect(error.to_string()))?;
        match self.get(&name, KEY_BYTES_MAX).await {
            Ok(there) if there == bytes => {}
            Ok(_) | Err(BackupError::Missing { .. } | BackupError::Damaged { .. }) => {
                self.put(&name, &bytes).await?
            }
            Err(error) => return Err(error),
        }
        for other in self.key_names(kind, subject).await?.into_iter().filter(|other| *other != name) {
            self.remove(&other).await?;
        }
        Ok(())
    }

    /// A subject's wrapped keys: one, or two when a rotation was cut short.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn keys(&self, kind: Kind, subject: &Subject) -> Result<Vec<WrappedKey>, BackupError> {
        let mut keys = Vec::new();
        for name in self.key_names(kind, subject).await? {
            let bytes = self.get(&name, KEY_BYTES_MAX).await?;
            let key = serde_json::from_slice(&bytes);
            keys.push(key.map_err(|error| BackupError::damaged(name, error.to_string()))?);
        }
        Ok(keys)
    }

    /// Destroys a subject's wrapped keys. Safe to repeat.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn remove_keys(&self, kind: Kind, subject: &Subject) -> Result<(), BackupError> {
        for name in self.key_names(kind, subject).await? {
            self.remove(&name).await?;
        }
        Ok(())
    }

    async fn key_names(&self, kind: Kind, subject: &Subject) -> Result<Vec<String>, BackupError> {
        let folder = kind.key_folder(subject);
        let start = format!("{folder}/key.");
        let names = self.list(&folder).await?.into_iter().map(|object| object.key);
        Ok(names.filter(|name| name.starts_with(&start) && name.ends_with(".json")).collect())
    }
}

fn key_name(kind: Kind, subject: &Subject, operator_key: &str) -> String {
    format!("{}/key.{operator_key}.json", kind.key_folder(subject))
}
