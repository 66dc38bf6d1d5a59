//! A tenant whose file is damaged is served to nobody until somebody restores it or lets it out; the others do not notice.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use stdx::atomic_file;

/// Lies in the folder of a tenant whose file is damaged: when it was noticed (milliseconds since 1970), then why.
pub(crate) const NOTE: &str = "quarantine";

/// Why a tenant is in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// When the damage was noticed, in milliseconds since 1970.
    pub since_ms: i64,
    /// What was noticed.
    pub reason: String,
}

pub(crate) fn put(folder: &Path, quarantine: &Quarantine) -> io::Result<()> {
    let text = format!("{}\n{}\n", quarantine.since_ms, quarantine.reason);
    atomic_file::write(&folder.join(NOTE), text.as_bytes(), 0o600)
}

pub(crate) fn find(folder: &Path) -> Option<Quarantine> {
    let text = fs::read_to_string(folder.join(NOTE)).ok()?;
    let (since, reason) = text.split_once('\n').unwrap_or(("0", &text));
    Some(Quarantine { since_ms: since.parse().unwrap_or(0), reason: reason.trim().to_owned() })
}

pub(crate) fn lift(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(NOTE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => atomic_file::sync_folder(folder),
    }
}
