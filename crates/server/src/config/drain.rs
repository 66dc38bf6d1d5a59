//! How a service leaves.

use std::time::Duration;

use tenancy::Environment;

use super::setting::{Setting, in_ms, number};

/// Longest notice, in milliseconds: with the 20 s for what is at work it leaves time within the 30 s that
/// supervisors give.
const WAIT_MS_MAX: u64 = 8_000;

/// How a service leaves.
#[derive(Debug, Clone)]
pub struct DrainSettings {
    /// How long it serves on after `/ready` said no, so that balancers notice.
    pub wait: Duration,
}

pub(super) const SETTINGS: &[Setting] = &[Setting::new(
    "drain.wait_ms",
    "how long to serve on after SIGTERM while /ready says no (dev: 0, else 5000)",
    |config, text| {
        config.drain.wait = Duration::from_millis(number(text, 0, WAIT_MS_MAX)?);
        Ok(())
    },
    |config| in_ms(config.drain.wait),
)];

impl DrainSettings {
    pub(super) fn defaults(environment: Environment) -> Self {
        let wait = match environment {
            Environment::Dev => Duration::ZERO,
            Environment::Staging | Environment::Prod => Duration::from_secs(5),
        };
        Self { wait }
    }
}
