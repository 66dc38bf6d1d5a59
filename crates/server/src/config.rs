//! What an operator may choose. The only place that reads the environment.
//!
//! One documented order, later beats earlier: defaults, the TOML file, `ENGRAM_*` variables, flags. A setting
//! has one name everywhere: `limits.in_flight` is a key of the file, `ENGRAM_LIMITS_IN_FLIGHT` and
//! `--set limits.in_flight=...`. Unknown names are refused, with the nearest known one.

mod embedding;
mod limits;
mod service;
mod setting;
mod sources;
mod storage;
mod telemetry;

pub use embedding::{EmbeddingProvider, EmbeddingSettings};
pub use limits::{Enforcement, RequestLimits};
pub use service::{ServiceSettings, SignUp, default_data_dir};
pub use setting::Setting;
pub use sources::{ConfigError, Sources};
pub use storage::StorageSettings;
pub use telemetry::{LogFormat, TelemetrySettings};

/// Every setting, grouped by subject; the sample file and the documents are held against it.
pub const SUBJECTS: &[&[Setting]] =
    &[service::SETTINGS, embedding::SETTINGS, limits::SETTINGS, storage::SETTINGS, telemetry::SETTINGS];

/// A file with every setting at its default, commented.
pub const SAMPLE: &str = include_str!("config/sample.toml");

/// Everything that was chosen.
#[derive(Debug, Clone)]
pub struct Config {
    /// Environment, address, data folder.
    pub service: ServiceSettings,
    /// Where vectors come from.
    pub embedding: EmbeddingSettings,
    /// What one request may take, and whether plans are enforced.
    pub limits: RequestLimits,
    /// Open stores and the usage spool.
    pub storage: StorageSettings,
    /// Logs and metrics.
    pub telemetry: TelemetrySettings,
}

impl Config {
    /// Reads every source in order.
    ///
    /// # Errors
    /// All unknown names and bad values at once, each with its source.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        sources.resolve()
    }

    /// The defaults of a laptop with everything in `data_dir`, whatever the environment says; for tests and tools.
    pub fn dev(data_dir: impl Into<std::path::PathBuf>) -> Self {
        let mut config = Self::defaults(tenancy::Environment::Dev);
        config.service.data_dir = data_dir.into();
        config
    }

    fn defaults(environment: tenancy::Environment) -> Self {
        Self {
            service: ServiceSettings::defaults(environment),
            embedding: EmbeddingSettings::default(),
            limits: RequestLimits::defaults(environment),
            storage: StorageSettings::default(),
            telemetry: TelemetrySettings::defaults(environment),
        }
    }
}
