//! Whose backup it is, which one, and where its parts lie in the vault.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest name of a subject, in bytes.
const SUBJECT_BYTES_MAX: usize = 80;
/// Begins every backup's id.
const ID_PREFIX: &str = "bkp_";

/// A text that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no {1}")]
pub struct NameError(String, &'static str);

/// Whose file it is. Never empty: a backup without an owner could be taken for anybody's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

/// Which backup it is, for ever and everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

/// What kind of file it is, and with that the folder it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A tenant's database.
    Database,
    /// The control plane, as lines.
    ControlPlane,
}

/// Where the parts of one backup lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The encrypted file.
    pub object: String,
    /// What describes it, written after it.
    pub manifest: String,
}

impl Subject {
    /// 1 to 80 of `a-z0-9_-`.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fits = (1..=SUBJECT_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError(text.to_owned(), "subject of a backup")) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BackupId {
    /// A new one; later ones sort behind earlier ones.
    pub fn at(now: Timestamp) -> Self {
        let ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let uuid = uuid::Builder::from_unix_timestamp_millis(ms, &stdx::random::bytes::<10>()).into_uuid();
        Self(format!("{ID_PREFIX}{}", uuid.simple()))
    }

    /// `bkp_` and 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let digits = text.strip_prefix(ID_PREFIX).unwrap_or("");
        let fits = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError(text.to_owned(), "id of a backup")) }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Kind {
    /// The folder of a subject's backups of this kind.
    pub(crate) fn folder(self, subject: &Subject) -> String {
        match self {
            Self::Database => format!("tenants/{subject}/db"),
            Self::ControlPlane => subject.as_str().to_owned(),
        }
    }

    /// The folder of a subject's wrapped keys.
    pub(crate) fn key_folder(self, subject: &Subject) -> String {
        match self {
            Self::Database => format!("tenants/{subject}"),
            Self::ControlPlane => subject.as_str().to_owned(),
        }
    }

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Database => ".sqlite.zst.enc",
            Self::ControlPlane => ".jsonl.zst.enc",
        }
    }
}

/// Ends the name of every manifest.
pub(crate) const MANIFEST: &str = ".manifest.json";

impl Place {
    /// Of the backup that shows `subject` at `ts_ms`.
    pub(crate) fn of(kind: Kind, subject: &Subject, ts_ms: i64, schema_version: i64) -> Self {
        let stem = format!("{}/{ts_ms}_v{schema_version}", kind.folder(subject));
        Self { object: format!("{stem}{}", kind.extension()), manifest: format!("{stem}{MANIFEST}") }
    }

    /// Of the backup whose manifest has this name.
    pub(crate) fn of_manifest(kind: Kind, manifest: &str) -> Option<Self> {
        let stem = manifest.strip_suffix(MANIFEST)?;
        Some(Self { object: format!("{stem}{}", kind.extension()), manifest: manifest.to_owned() })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Subject {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

impl TryFrom<String> for BackupId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_ids_are_never_empty_and_never_a_path() {
        for bad in ["", "a/b", "..", "A", "a b", &"a".repeat(81)] {
            assert!(Subject::parse(bad).is_err(), "{bad}");
            assert!(BackupId::parse(bad).is_err(), "{bad}");
        }
        assert!(Subject::parse("ten_0").is_ok());
        let id = BackupId::at(Timestamp::from_millisecond(1_700_000_000_000).unwrap());
        assert_eq!(BackupId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn later_ids_sort_behind() {
        let at = |ms| BackupId::at(Timestamp::from_millisecond(ms).unwrap());
        assert!(at(1_700_000_000_000) < at(1_700_000_000_001));
    }

    #[test]
    fn places_are_those_of_the_contract() {
        let place = Place::of(Kind::Database, &Subject::parse("ten_1").unwrap(), 1_700_000_000_000, 3);
        assert_eq!(place.object, "tenants/ten_1/db/1700000000000_v3.sqlite.zst.enc");
        assert_eq!(place.manifest, "tenants/ten_1/db/1700000000000_v3.manifest.json");
        assert_eq!(Place::of_manifest(Kind::Database, &place.manifest), Some(place));
    }
}
