//! What an operator may choose. The only place that reads the environment.
//!
//! One documented order, later beats earlier: defaults, the TOML file, `ENGRAM_*` variables, flags. A setting
//! has one name everywhere: `limits.in_flight` is a key of the file, `ENGRAM_LIMITS_IN_FLIGHT` and
//! `--set limits.in_flight=...`. Unknown names are refused, with the nearest known one.

mod backup;
mod console;
mod control;
mod cors;
mod drain;
mod embedding;
mod jwt;
mod keys;
mod limits;
mod proxy;
mod safety;
mod secret;
mod service;
mod setting;
mod sources;
mod storage;
mod telemetry;
mod tls;
mod traces;
mod url;
mod usage;

use std::collections::BTreeMap;

pub use backup::BackupSettings;
pub use console::ConsoleSettings;
pub use control::{ControlPlace, ControlSettings};
pub use cors::CorsSettings;
pub use drain::DrainSettings;
pub use embedding::{EmbeddingProvider, EmbeddingSettings};
pub use jwt::{JWT_ALGORITHMS, JwtSettings};
pub use keys::KeySettings;
pub use limits::{Enforcement, RequestLimits};
pub use proxy::ProxySettings;
pub use safety::{Strictness, Unsafe};
pub use secret::Secret;
pub use service::{ServiceSettings, SignUp, default_data_dir};
pub use setting::Setting;
pub use sources::{ConfigError, Sources};
pub use storage::StorageSettings;
pub use telemetry::{LogFormat, TelemetrySettings};
pub use tls::{TlsFiles, TlsSettings};
pub use traces::TraceSettings;
pub use usage::{UsageRecording, UsageSettings};

pub(crate) use url::is_loopback;

/// Every setting, grouped by subject; the sample file and the documents are held against it.
pub const SUBJECTS: &[&[Setting]] = &[
    service::SETTINGS,
    control::SETTINGS,
    keys::SETTINGS,
    jwt::SETTINGS,
    tls::SETTINGS,
    proxy::SETTINGS,
    cors::SETTINGS,
    console::SETTINGS,
    limits::SETTINGS,
    drain::SETTINGS,
    embedding::SETTINGS,
    storage::SETTINGS,
    backup::SETTINGS,
    usage::SETTINGS,
    telemetry::SETTINGS,
    traces::SETTINGS,
];

/// A file with every setting at its default, commented.
pub const SAMPLE: &str = include_str!("config/sample.toml");

/// Everything that was chosen.
#[derive(Debug, Clone)]
pub struct Config {
    /// Environment, addresses, data folder.
    pub service: ServiceSettings,
    /// Where the control plane is.
    pub control: ControlSettings,
    /// What API keys are hashed with.
    pub keys: KeySettings,
    /// Tokens of an identity provider.
    pub jwt: JwtSettings,
    /// The service's own certificate.
    pub tls: TlsSettings,
    /// Proxies in front of the service.
    pub proxy: ProxySettings,
    /// Web pages that may use the service.
    pub cors: CorsSettings,
    /// The pages for people.
    pub console: ConsoleSettings,
    /// What one request may take, and whether plans are enforced.
    pub limits: RequestLimits,
    /// How the service leaves.
    pub drain: DrainSettings,
    /// Where vectors come from.
    pub embedding: EmbeddingSettings,
    /// Open stores.
    pub storage: StorageSettings,
    /// Where backups go and when.
    pub backup: BackupSettings,
    /// How usage events travel to the ledger.
    pub usage: UsageSettings,
    /// Logs and metrics.
    pub telemetry: TelemetrySettings,
    /// Where traces are sent.
    pub traces: TraceSettings,
    /// Where each setting that is not at its default was said last.
    places: BTreeMap<&'static str, String>,
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

    /// Where a setting was said: a file and the name in it, a variable, or a flag; `None` for a default.
    pub fn place_of(&self, setting: &Setting) -> Option<&str> {
        self.places.get(setting.name).map(String::as_str)
    }

    fn defaults(environment: tenancy::Environment) -> Self {
        Self {
            service: ServiceSettings::defaults(environment),
            control: ControlSettings::default(),
            keys: KeySettings::default(),
            jwt: JwtSettings::default(),
            tls: TlsSettings::default(),
            proxy: ProxySettings::default(),
            cors: CorsSettings::default(),
            console: ConsoleSettings::default(),
            limits: RequestLimits::defaults(environment),
            drain: DrainSettings::defaults(environment),
            embedding: EmbeddingSettings::default(),
            storage: StorageSettings::default(),
            backup: BackupSettings::default(),
            usage: UsageSettings::default(),
            telemetry: TelemetrySettings::defaults(environment),
            traces: TraceSettings::default(),
            places: BTreeMap::new(),
        }
    }

    /// Settings that are each right and do not fit together.
    fn contradictions(&self) -> Vec<String> {
        [
            self.control.contradictions(),
            self.keys.contradictions(),
            self.jwt.contradictions(),
            self.tls.contradictions(),
            self.cors.contradictions(self.service.environment),
            self.backup.contradictions(),
            self.console.contradictions(&self.jwt),
            self.embedding.to_provider().err().into_iter().collect(),
        ]
        .concat()
    }
}
