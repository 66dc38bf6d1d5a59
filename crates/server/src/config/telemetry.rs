//! Logs and metrics.

use std::net::SocketAddr;

use tenancy::Environment;

use super::service::address;
use super::setting::{Setting, spelled, word};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs and metrics.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// How a log line looks.
    pub log_format: LogFormat,
    /// What is logged, in the words of `tracing_subscriber::EnvFilter`.
    pub log_filter: String,
    /// An address of its own for `/metrics`, which the main address then no longer has.
    pub metrics_listen: Option<SocketAddr>,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "log.format",
        "text or json (dev: text, else json)",
        |config, text| {
            config.telemetry.log_format = word(text, &FORMATS)?;
            Ok(())
        },
        |config| spelled(config.telemetry.log_format, &FORMATS),
    ),
    Setting::new(
        "log.filter",
        "what is logged, such as info or server=debug,info (dev: warn, else info)",
        |config, text| {
            text.parse::<tracing_subscriber::EnvFilter>().map_err(|error| error.to_string())?;
            config.telemetry.log_filter = text.to_owned();
            Ok(())
        },
        |config| Some(config.telemetry.log_filter.clone()),
    ),
    Setting::new(
        "metrics.listen",
        "an address of its own for /metrics (the main one)",
        |config, text| {
            config.telemetry.metrics_listen = Some(address(text)?);
            Ok(())
        },
        |config| config.telemetry.metrics_listen.map(|address| address.to_string()),
    ),
];

const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

impl TelemetrySettings {
    pub(super) fn defaults(environment: Environment) -> Self {
        let (log_format, log_filter) = match environment {
            // rmcp warns of every mistake a caller makes; the caller is told, which is enough.
            Environment::Dev => (LogFormat::Text, "warn,rmcp=error"),
            Environment::Staging | Environment::Prod => (LogFormat::Json, "info,rmcp=error"),
        };
        Self { log_format, log_filter: log_filter.to_owned(), metrics_listen: None }
    }
}
