//! The control plane that the configuration names: opened at a start, looked at and brought up to date by hand.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use control::{Control, ControlError, Inspected, Migrate, Migrated, PostgresOptions};
use stdx::clock::SharedClock;
use tenancy::Environment;

use super::StartError;
use crate::config::{Config, ControlPlace, Secret};

/// A database that was just started with us gets this long to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// What is known of a control plane without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlPlane {
    /// SQLite in the data folder, which every start brings up to date.
    Embedded {
        /// The file.
        file: PathBuf,
    },
    /// PostgreSQL.
    Postgres(Inspected),
}

/// Looks at the control plane and changes nothing.
///
/// # Errors
/// [`ControlError::Unavailable`] when the database does not answer.
pub async fn inspect(config: &Config) -> Result<ControlPlane, ControlError> {
    match config.control.place() {
        ControlPlace::Embedded => Ok(ControlPlane::Embedded { file: file_in(&config.service.data_dir) }),
        ControlPlace::Postgres(url) => {
            Ok(ControlPlane::Postgres(Control::inspect_postgres(&options(config, &url)).await?))
        }
    }
}

/// Sets up an empty control plane in PostgreSQL, or brings an older one up to date; `None` when it is embedded,
/// where every start does.
///
/// # Errors
/// When the database does not answer, is somebody else's, of another environment or of a newer version.
pub async fn migrate(config: &Config) -> Result<Option<Migrated>, ControlError> {
    match config.control.place() {
        ControlPlace::Embedded => Ok(None),
        ControlPlace::Postgres(url) => {
            let migrated =
                Control::migrate_postgres(&options(config, &url), config.service.environment).await?;
            Ok(Some(migrated))
        }
    }
}

/// Opens it. In dev an older schema is brought up to date; elsewhere somebody decides when.
///
/// # Errors
/// [`StartError`].
pub async fn open(config: &Config, clock: &SharedClock) -> Result<Control, StartError> {
    let environment = config.service.environment;
    match config.control.place() {
        ControlPlace::Embedded => {
            let file = file_in(&config.service.data_dir);
            Ok(Control::open(&file, SharedClock::clone(clock), environment).await?)
        }
        ControlPlace::Postgres(url) => postgres(config, &url, clock).await,
    }
}

async fn postgres(config: &Config, url: &Secret, clock: &SharedClock) -> Result<Control, StartError> {
    let environment = config.service.environment;
    let migrate = match environment {
        Environment::Dev => Migrate::Auto,
        Environment::Staging | Environment::Prod => Migrate::Require,
    };
    let begun = Instant::now();
    let mut told = false;
    loop {
        let clock = SharedClock::clone(clock);
        let opened = Control::open_postgres(options(config, url), clock, environment, migrate).await;
        let why = match opened {
            Ok(control) => return Ok(control),
            Err(ControlError::Unavailable(why)) => why,
            Err(other) => return Err(other.into()),
        };
        if begun.elapsed() >= PATIENCE {
            return Err(StartError::ControlAway { url: config.control.shown_url(), why });
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(why, "the control plane does not answer; trying for {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
}

fn options(config: &Config, url: &Secret) -> PostgresOptions {
    let direct_url = config.control.direct_url.as_ref().map(|url| url.reveal().to_owned());
    PostgresOptions { direct_url, ..PostgresOptions::new(url.reveal()) }
}

fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("control/control.db")
}
