//! `engram config`: what the settings are, where they may be said, and whether they hold together.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use server::config::{Config, SAMPLE, SUBJECTS, Setting, Strictness, Unsafe};

use super::serve::unsafe_refusal;
use crate::cli::{Env, Shared, load};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram config check                          the settings in effect, or what is wrong with them
  engram config check --env prod --config engram.toml
                                               the same, and every setting that is unsafe in prod
  engram config sample > engram.toml           every setting, commented

Later beats earlier: defaults, the TOML file, ENGRAM_* variables, flags. With --json: {\"settings\": {name: value},
\"from\": {name: place}, \"unsafe\": [{\"setting\", \"why\"}]}. Secrets are masked. Exit code 1 when prod would not start.";

/// Look at the configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Print the settings in effect and where each was said, all mistakes in them, and what is unsafe
    Check {
        /// Kind of installation to judge it for [default: as configured]
        #[arg(long, value_enum, value_name = "ENV")]
        env: Option<Env>,
    },
    /// Print a file with every setting at its default
    Sample,
}

impl ConfigCommand {
    pub(crate) fn run(self, shared: &Shared) -> Result<(), Failure> {
        match self.deed {
            Deed::Check { env } => {
                check(&load(&shared.sources(&[("env", env.map(Env::word))])?)?, shared.format())
            }
            Deed::Sample => {
                terminal::line(SAMPLE.trim_end());
                Ok(())
            }
        }
    }
}

fn check(config: &Config, format: Format) -> Result<(), Failure> {
    let strictness = Strictness::of(config.service.environment);
    let found = match strictness {
        Strictness::Silent => Vec::new(),
        Strictness::Warn | Strictness::Refuse => config.unsafe_settings(),
    };
    match format {
        Format::Json => terminal::json(&as_json(config, &found))?,
        Format::People => show(config, &found),
    }
    match strictness {
        Strictness::Refuse if !found.is_empty() => Err(unsafe_refusal(&found)),
        Strictness::Refuse | Strictness::Warn | Strictness::Silent => Ok(()),
    }
}

fn show(config: &Config, found: &[Unsafe]) {
    let rows = settings().map(|setting| {
        let place = config.place_of(setting).unwrap_or("default").to_owned();
        [setting.name.to_owned(), setting.shown(config).unwrap_or_else(|| "-".to_owned()), place]
    });
    terminal::table(["SETTING", "VALUE", "FROM"], &[], rows);
    for one in found {
        terminal::line(format!("unsafe: {one}"));
    }
    for one in config.odd_settings() {
        terminal::line(format!("odd: {one}"));
    }
}

fn as_json(config: &Config, found: &[Unsafe]) -> Value {
    let values: Map<_, _> =
        settings().map(|setting| (setting.name.to_owned(), setting.shown(config).into())).collect();
    let place = |setting: &Setting| config.place_of(setting).unwrap_or("default").into();
    let places: Map<_, _> = settings().map(|setting| (setting.name.to_owned(), place(setting))).collect();
    let found: Vec<_> = found.iter().map(|one| json!({"setting": one.setting, "why": one.why})).collect();
    json!({"settings": values, "from": places, "unsafe": found})
}

fn settings() -> impl Iterator<Item = &'static Setting> {
    SUBJECTS.iter().flat_map(|subject| subject.iter())
}
