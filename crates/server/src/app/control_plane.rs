//! Opening the control plane where the configuration says it is.

use std::path::Path;
use std::time::{Duration, Instant};

use control::{Control, ControlError, Migrate, PostgresOptions};
use stdx::clock::SharedClock;
use tenancy::Environment;

use super::StartError;
use crate::config::{Config, ControlPlace, Secret};

/// A database that was just started with us gets this long to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// Opens it.
pub(super) async fn open(config: &Config, clock: &SharedClock) -> Result<Control, StartError> {
    match config.control.place() {
        ControlPlace::Embedded => {
            let file = config.service.data_dir.join("control/control.db");
            embedded(&file, clock, config.service.environment).await
        }
        ControlPlace::Postgres(url) => postgres(config, &url, clock).await,
    }
}

async fn embedded(file: &Path, clock: &SharedClock, environment: Environment) -> Result<Control, StartError> {
    Ok(Control::open(file, SharedClock::clone(clock), environment).await?)
}

async fn postgres(config: &Config, url: &Secret, clock: &SharedClock) -> Result<Control, StartError> {
    let environment = config.service.environment;
    let migrate = match environment {
        Environment::Dev => Migrate::Auto,
        Environment::Staging | Environment::Prod => Migrate::Require,
    };
    let options = || PostgresOptions {
        direct_url: config.control.direct_url.as_ref().map(|url| url.reveal().to_owned()),
        ..PostgresOptions::new(url.reveal())
    };
    let begun = Instant::now();
    let mut told = false;
    loop {
        let opened = Control::open_postgres(options(), SharedClock::clone(clock), environment, migrate).await;
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
