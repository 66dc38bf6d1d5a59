//! Why a backup was not made or not read back. Whatever happens, nothing half done looks whole.

use std::path::Path;

/// Why a backup was not made or not read back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The vault does not answer, or not as it should; trying again later may help.
    #[error(
        "the vault {vault} cannot be used: {why}; check backup.vault, its credentials and that it answers"
    )]
    Vault {
        /// Which.
        vault: String,
        /// What happened.
        why: String,
    },
    /// The settings lead to no vault.
    #[error("{url} is no vault: {why}")]
    NoVault {
        /// What was said.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is something else under this name already; nothing was overwritten.
    #[error("{key} is in the vault already and was left as it is")]
    Taken {
        /// The name.
        key: String,
    },
    /// It is not there.
    #[error("{key} is not in the vault")]
    Missing {
        /// The name.
        key: String,
    },
    /// It is not what was written: cut off, changed, or somebody else's. It is not used.
    #[error("{key} is damaged: {why}; take another backup")]
    Damaged {
        /// The name.
        key: String,
        /// What differs.
        why: String,
    },
    /// The key does not open it.
    #[error("{what} does not open with this key: {why}")]
    WrongKey {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// A newer version of the product wrote it.
    #[error("{key} has format {found}, and this version reads up to {known}; use a newer version")]
    NewerFormat {
        /// The name.
        key: String,
        /// Its format.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// A local file cannot be read or written.
    #[error("{path}: {why}")]
    Disk {
        /// Which.
        path: String,
        /// What the operating system said.
        why: String,
    },
    /// A defect of ours.
    #[error("internal error: {0}")]
    Defect(String),
}

impl BackupError {
    pub(crate) fn disk(path: &Path, error: &std::io::Error) -> Self {
        Self::Disk { path: path.display().to_string(), why: error.to_string() }
    }

    pub(crate) fn damaged(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { key: key.into(), why: why.into() }
    }
}
