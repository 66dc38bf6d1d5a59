//! What describes a backup: written after it, and signed, so that a backup is there exactly when its manifest is.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use stdx::hex;

use crate::name::Kind;
use crate::operator_key::from_hex;
use crate::{BackupError, BackupId, DataKey, Subject};

/// The format this version writes.
const FORMAT: u32 = 1;
/// Largest manifest that is read, in bytes.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was time.
    Scheduled,
    /// Somebody asked.
    OnDemand,
    /// A restore was about to replace the file.
    BeforeRestore,
    /// A newer version was about to change the file's schema.
    BeforeMigration,
}

impl Reason {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::OnDemand => "on_demand",
            Self::BeforeRestore => "before_restore",
            Self::BeforeMigration => "before_migration",
        }
    }
}

/// What is in the file, as its owner counted it; a restored file must count the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the file's schema.
    pub schema_version: i64,
    /// Version of what wrote it, such as SQLite's.
    pub written_by: String,
    /// The highest number the file has given out; it is never given out again.
    pub ids_handed_out: i64,
    /// Every table.
    pub tables: BTreeMap<String, TableFacts>,
    /// A hash over all tables, in hexadecimal.
    pub content_hash: String,
}

/// What is in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFacts {
    /// Its rows.
    pub rows: u64,
    /// A hash of the rows in the order of their keys, in hexadecimal.
    pub hash: String,
}

/// What describes a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of manifest and object.
    pub format: u32,
    /// Which backup it is.
    pub id: BackupId,
    /// Whose.
    pub subject: Subject,
    /// What kind of file.
    pub kind: Kind,
    /// The moment it shows, in milliseconds since 1970.
    pub ts_ms: i64,
    /// Why it was made.
    pub reason: Reason,
    /// Version of the program that made it.
    pub made_by: String,
    /// Where the object lies in the vault.
    pub object: String,
    /// Bytes of the object.
    pub stored_bytes: u64,
    /// SHA-256 of the object.
    pub stored_sha256: String,
    /// Bytes of the file.
    pub plain_bytes: u64,
    /// SHA-256 of the file.
    pub plain_sha256: String,
    /// What is in it.
    pub facts: Facts,
}

/// The manifest as it is stored: its text, and what proves that it was not changed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    format: u32,
    /// JSON of the manifest, kept as it was signed.
    manifest: String,
    /// HMAC-SHA-256 of that text.
    mac: String,
}

impl Manifest {
    pub(crate) const FORMAT: u32 = FORMAT;

    pub(crate) fn to_bytes(&self, key: &DataKey) -> Result<Vec<u8>, BackupError> {
        let defect = |error: serde_json::Error| BackupError::Defect(error.to_string());
        let manifest = serde_json::to_string(self).map_err(defect)?;
        let mac = hmac::sign(&key.for_manifest(self.id.as_str())?, manifest.as_bytes());
        let signed = Signed { format: FORMAT, mac: hex::encode(mac.as_ref()), manifest };
        serde_json::to_vec_pretty(&signed).map_err(defect)
    }

    /// Reads a manifest named `name`; without a key nothing is proven, and it must only be used to find the key.
    pub(crate) fn from_bytes(name: &str, bytes: &[u8], key: Option<&DataKey>) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| BackupError::damaged(name, error.to_string());
        let Format { format: found } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if found > FORMAT {
            return Err(BackupError::NewerFormat { key: name.to_owned(), found, known: FORMAT });
        }
        let signed: Signed = serde_json::from_slice(bytes).map_err(unreadable)?;
        let manifest: Self = serde_json::from_str(&signed.manifest).map_err(unreadable)?;
        // There is one way to write a manifest down; whatever else reads the same was changed, even where nothing signs.
        let written = serde_json::to_vec_pretty(&signed).map_err(unreadable)?;
        if written != bytes || manifest.format != signed.format {
            return Err(BackupError::damaged(name, "it is not as it was written"));
        }
        if let Some(key) = key {
            let mac = from_hex(&signed.mac).unwrap_or_default();
            let key = key.for_manifest(manifest.id.as_str())?;
            hmac::verify(&key, signed.manifest.as_bytes(), &mac)
                .map_err(|_| BackupError::damaged(name, "its signature does not fit: it was changed"))?;
        }
        Ok(manifest)
    }
}
