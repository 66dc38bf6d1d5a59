//! The life of a backup: a copy of a tenant goes to the vault, comes back in a rehearsal that proves it, or in a restore
//! that puts it in the place of what is there.

mod adopt;
mod ages;
mod back_up;
mod before_migration;
mod control_plane;
mod data_key;
mod erase;
mod rebuild;
mod rehearse;
mod restore;
mod runs;
mod scratch;
mod smoke;
mod trouble;

use std::path::Path;
use std::sync::Arc;

use backup::{OperatorKey, OperatorKeys, RevealedKey, Vault, VaultOptions};
use parking_lot::Mutex;
use stdx::atomic_file;
use stdx::clock::SharedClock;
use tokio::sync::Semaphore;

use crate::config::Config;

pub(crate) use adopt::adopt;
pub use ages::Ages;
pub(crate) use ages::measure_ages;
pub(crate) use back_up::{back_up_changed, back_up_tenant};
pub(crate) use before_migration::keep_before_migration;
pub(crate) use control_plane::{back_up_control_plane, control_plane_is_due, keep_control_plane};
pub(crate) use data_key::{destroy, rotate};
pub(crate) use erase::{content_hash, erase_again, finish_erasures};
pub use rebuild::{Rebuilt, RebuiltTenant, rebuild};
pub(crate) use rehearse::{rehearse, rehearse_sample};
pub(crate) use restore::{Destination, Order, Source, fail_interrupted, plan, restore};
pub use runs::{About, Progress, RunKind, RunState, Runs};
pub(crate) use scratch::Scratch;
pub use trouble::Trouble;

/// Copies on their way at once: each holds a copy of a tenant's file in scratch and a few mebibytes in memory.
const COPIES_AT_ONCE: usize = 2;
/// Where the first start of a developer's machine keeps the operator's key.
const HOME_MADE_KEY: &str = "control/operator-key";

/// Where backups go, what opens them, and what is at work on them.
#[derive(Debug)]
pub struct Backups {
    /// Where they lie.
    pub vault: Vault,
    /// What opens the tenants' keys.
    pub operator_keys: OperatorKeys,
    /// Backups, restores and rehearsals at work.
    pub runs: Runs,
    seats: Arc<Semaphore>,
    ages: Mutex<Ages>,
}

impl Backups {
    /// How old everybody's newest backups were at the last look.
    pub fn ages(&self) -> Ages {
        *self.ages.lock()
    }

    /// The same from now on.
    pub(crate) fn remember(&self, ages: Ages) {
        *self.ages.lock() = ages;
    }

    /// Opens the vault and reads the operator's key; a developer's machine gets one made.
    ///
    /// # Errors
    /// [`Trouble::Vault`] when the settings lead to no vault or to no key.
    pub fn open(config: &Config, clock: &SharedClock) -> Result<Self, Trouble> {
        Ok(Self {
            vault: vault(config)?,
            operator_keys: operator_keys(config)?,
            runs: Runs::new(SharedClock::clone(clock)),
            seats: Arc::new(Semaphore::new(COPIES_AT_ONCE)),
            ages: Mutex::default(),
        })
    }
}

/// The vault that the configuration names.
///
/// # Errors
/// When it is none.
pub(crate) fn vault(config: &Config) -> Result<Vault, Trouble> {
    let settings = &config.backup;
    Ok(Vault::open(&VaultOptions {
        url: settings.vault_url(&config.service.data_dir),
        endpoint: settings.vault_endpoint.clone(),
        region: settings.vault_region.clone(),
        access_key_id: settings.vault_access_key_id.clone(),
        secret_access_key: settings.vault_secret_access_key.as_ref().map(|key| key.reveal().to_owned()),
    })?)
}

/// The operator's key that the configuration names, or the one of this data folder.
///
/// # Errors
/// When it cannot be read or is no key.
pub fn operator_keys(config: &Config) -> Result<OperatorKeys, Trouble> {
    let settings = &config.backup;
    let read = |file: &Path| {
        std::fs::read_to_string(file)
            .map_err(|error| Trouble::Refused(format!("{}: {error}", file.display())))
    };
    if let Some(key) = &settings.operator_key {
        return Ok(OperatorKeys::parse(key.reveal())?);
    }
    if let Some(file) = &settings.operator_key_file {
        return Ok(OperatorKeys::parse(&read(file)?)?);
    }
    let file = config.service.data_dir.join(HOME_MADE_KEY);
    if file.exists() {
        return Ok(OperatorKeys::parse(&read(&file)?)?);
    }
    let key = new_operator_key();
    key.write(&file).map_err(|error| Trouble::Refused(format!("{}: {error}", file.display())))?;
    tracing::warn!(
        file = %file.display(),
        "made an operator's key: without a copy of it, kept elsewhere, backups cannot be read on another machine"
    );
    Ok(OperatorKeys::parse(&key.text)?)
}

/// An operator's key that was just made.
#[derive(Debug)]
pub struct NewOperatorKey {
    /// Which it is, without saying it.
    pub id: String,
    /// The key itself.
    pub text: RevealedKey,
}

impl NewOperatorKey {
    /// Writes it to a file for this user alone.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        atomic_file::write(file, format!("{}\n", *self.text).as_bytes(), 0o600)
    }
}

/// Makes an operator's key.
pub fn new_operator_key() -> NewOperatorKey {
    let key = OperatorKey::generate();
    NewOperatorKey { id: key.id(), text: key.reveal() }
}
