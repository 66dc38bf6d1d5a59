//! One file to a vault and back: compressed, encrypted, described by a manifest that is written last, and read back
//! only when every byte is what it was. Knows no tenant, no SQLite and no control plane: whoever calls says whose
//! file it is (a [`Subject`]) and what is in it ([`Facts`]).

mod catalogue;
mod choose;
mod data_key;
mod error;
mod fetch;
mod manifest;
mod name;
mod operator_key;
mod retention;
mod sample;
mod sealed;
mod ship;
mod vault;

pub use catalogue::{Found, Listed, orphans};
pub use choose::{Choosable, Which, choose};
pub use data_key::DataKey;
pub use error::BackupError;
pub use fetch::{Fetched, fetch, fetch_manifest};
pub use manifest::{Facts, Manifest, Reason, TableFacts};
pub use name::{BackupId, Kind, NameError, Place, Subject};
pub use operator_key::{OperatorKey, OperatorKeys, RevealedKey, WrappedKey};
pub use retention::{Kept, Policy, removals};
pub use sample::{Candidate, pick};
pub use ship::{Description, ship};
pub use vault::{Vault, VaultOptions};

/// Told how far a step is: bytes done, bytes in all.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);
