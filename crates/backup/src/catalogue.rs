//! What lies in the vault: backups, litter of crashes, and wrapped keys; and how all of it is removed.

use std::collections::BTreeMap;

use jiff::Timestamp;

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

/// What is not whole after so long is litter: no upload takes a day.
const ORPHAN_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;

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

/// Litter that is older than a day: objects without a manifest, and manifests without an object. Younger ones may be on
/// their way. None of it is a backup; [`Vault::remove_backup`] removes it.
pub fn orphans(listed: &[Listed], now: Timestamp) -> Vec<&Listed> {
    let now_ms = now.as_millisecond();
    let old = |listed: &&Listed| now_ms.saturating_sub(listed.modified_ms) > ORPHAN_AFTER_MS;
    listed.iter().filter(|listed| listed.found != Found::Whole).filter(old).collect()
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
    /// [`BackupError::Taken`] when the same operator's key wraps another key there already: backups that only that one
    /// opens would be lost. [`BackupError::Vault`].
    pub async fn put_key(
        &self,
        kind: Kind,
        subject: &Subject,
        wrapped: &WrappedKey,
    ) -> Result<(), BackupError> {
        let name = key_name(kind, subject, &wrapped.operator_key);
        let bytes = serde_json::to_vec(wrapped).map_err(|error| BackupError::Defect(error.to_string()))?;
        match self.put_new(&name, &bytes).await {
            // What is no key opens nothing, and may be replaced.
            Err(taken @ BackupError::Taken { .. }) => match self.key(&name).await {
                Err(BackupError::Damaged { .. }) => self.put(&name, &bytes).await?,
                Ok(_) => return Err(taken),
                Err(error) => return Err(error),
            },
            done => done?,
        }
        for other in self.key_names(kind, subject).await?.into_iter().filter(|other| *other != name) {
            self.remove(&other).await?;
        }
        Ok(())
    }

    /// A subject's wrapped keys: one, or two when a rotation was cut short. One that is damaged is passed over where
    /// another is whole.
    ///
    /// # Errors
    /// [`BackupError::Vault`]; [`BackupError::Damaged`] when none is whole.
    pub async fn keys(&self, kind: Kind, subject: &Subject) -> Result<Vec<WrappedKey>, BackupError> {
        let (mut keys, mut broken) = (Vec::new(), None);
        for name in self.key_names(kind, subject).await? {
            match self.key(&name).await {
                Ok(key) => keys.push(key),
                // Between the listing and the reading a rotation may have removed it.
                Err(BackupError::Missing { .. }) => {}
                Err(damaged @ BackupError::Damaged { .. }) => broken = Some(damaged),
                Err(error) => return Err(error),
            }
        }
        match broken {
            Some(damaged) if keys.is_empty() => Err(damaged),
            _ => Ok(keys),
        }
    }

    async fn key(&self, name: &str) -> Result<WrappedKey, BackupError> {
        let bytes = self.get(name, KEY_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|error| BackupError::damaged(name, error.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn check(found: Found, age_ms: i64, want: usize) {
        let listed = Listed {
            found,
            object: "o".into(),
            manifest: "m".into(),
            bytes: 1,
            modified_ms: NOW_MS.saturating_sub(age_ms),
        };
        let now = Timestamp::from_millisecond(NOW_MS).unwrap();
        assert_eq!(orphans(&[listed], now).len(), want, "{found:?} of {age_ms} ms");
    }

    #[test]
    fn what_is_not_whole_after_a_day_is_an_orphan() {
        check(Found::NoManifest, ORPHAN_AFTER_MS, 0);
        check(Found::NoManifest, ORPHAN_AFTER_MS + 1, 1);
        check(Found::NoObject, ORPHAN_AFTER_MS, 0);
        check(Found::NoObject, ORPHAN_AFTER_MS + 1, 1);
        check(Found::Whole, 100 * ORPHAN_AFTER_MS, 0);
        check(Found::NoManifest, -5_000, 0);
    }
}
