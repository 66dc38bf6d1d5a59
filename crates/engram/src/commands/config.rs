//! `engram config`: what the settings are, where they may be said, and whether they hold together.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use server::config::{Config, SAMPLE, SUBJECTS};

use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram config check                          the settings in effect, or what is wrong with them
  engram config check --config engram.toml --json
  engram config sample > engram.toml           every setting, commented

Later beats earlier: defaults, the TOML file, ENGRAM_* variables, flags.";

/// Look at the configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Print the settings in effect, or all mistakes in them
    Check,
    /// Print a file with every setting at its default
    Sample,
}

impl ConfigCommand {
    pub(crate) fn run(self, shared: &Shared) -> Result<(), Failure> {
        match self.deed {
            Deed::Check => check(shared),
            Deed::Sample => {
                terminal::line(SAMPLE.trim_end());
                Ok(())
            }
        }
    }
}

fn check(shared: &Shared) -> Result<(), Failure> {
    let values = effective(&shared.configuration()?);
    if shared.format() == Format::Json {
        let object: Map<_, _> =
            values.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        return terminal::json(&Value::Object(object));
    }
    let variable = |name: &str| {
        let settings = SUBJECTS.iter().flat_map(|subject| subject.iter());
        settings
            .filter(|setting| setting.name == name)
            .map(server::config::Setting::variable)
            .collect::<String>()
    };
    let rows = values
        .into_iter()
        .map(|(name, value)| [name.to_owned(), value.unwrap_or_else(|| "-".to_owned()), variable(name)]);
    terminal::table(["SETTING", "VALUE", "VARIABLE"], &[], rows);
    Ok(())
}

/// Every setting and its value; `None` where nothing is chosen. Secrets are not shown.
fn effective(config: &Config) -> Vec<(&'static str, Option<String>)> {
    let Config { service, embedding, limits, storage, telemetry } = config;
    let milliseconds = |duration: std::time::Duration| Some(duration.as_millis().to_string());
    let word = |value: &dyn std::fmt::Debug| Some(format!("{value:?}").to_lowercase());
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    vec![
        ("env", Some(service.environment.as_str().to_owned())),
        ("listen", Some(service.listen.to_string())),
        ("data_dir", Some(service.data_dir.display().to_string())),
        ("default_plan", Some(service.default_plan.clone())),
        ("sign_up", word(&service.sign_up)),
        ("embedding.provider", word(&embedding.provider)),
        ("embedding.url", embedding.url.clone()),
        ("embedding.model", embedding.model.clone()),
        ("embedding.revision", embedding.revision.clone()),
        ("embedding.api_key", embedding.api_key.as_ref().map(|_| "(set)".to_owned())),
        ("embedding.dimensions", embedding.dimensions.map(|number| number.to_string())),
        ("embedding.timeout_ms", embedding.timeout.and_then(milliseconds)),
        ("embedding.query_timeout_ms", embedding.query_timeout.and_then(milliseconds)),
        ("embedding.proxy", embedding.proxy.clone()),
        ("embedding.table", path(&embedding.table)),
        ("embedding.vocabulary", path(&embedding.vocabulary)),
        ("limits.body_bytes", Some(limits.body_bytes.to_string())),
        ("limits.in_flight", Some(limits.in_flight.to_string())),
        ("limits.header_timeout_ms", milliseconds(limits.header_timeout)),
        ("limits.body_timeout_ms", milliseconds(limits.body_timeout)),
        ("limits.request_timeout_ms", milliseconds(limits.request_timeout)),
        ("limits.rates", word(&limits.rates)),
        ("limits.quotas", word(&limits.quotas)),
        ("storage.stores_open_max", storage.stores_open_max.map(|number| number.to_string())),
        ("storage.store_idle_ms", milliseconds(storage.store_idle)),
        ("usage.flush_every_ms", milliseconds(storage.usage_flush_every)),
        ("usage.flush_events", Some(storage.usage_flush_events.to_string())),
        ("log.format", word(&telemetry.log_format)),
        ("log.filter", Some(telemetry.log_filter.clone())),
        ("metrics.listen", telemetry.metrics_listen.map(|address| address.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_shown() {
        let mut shown: Vec<_> = effective(&Config::dev("x")).into_iter().map(|(name, _)| name).collect();
        let mut known: Vec<_> =
            SUBJECTS.iter().flat_map(|subject| subject.iter()).map(|setting| setting.name).collect();
        shown.sort_unstable();
        known.sort_unstable();
        assert_eq!(shown, known);
    }
}
