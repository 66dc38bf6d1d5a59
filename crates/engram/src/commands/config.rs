//! `engram config`: what the settings are, where they may be said, and whether they hold together.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use server::config::{SAMPLE, SUBJECTS};

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
    let config = shared.configuration()?;
    let settings = SUBJECTS.iter().flat_map(|subject| subject.iter());
    if shared.format() == Format::Json {
        let object: Map<_, _> =
            settings.map(|setting| (setting.name.to_owned(), setting.shown(&config).into())).collect();
        return terminal::json(&Value::Object(object));
    }
    let rows = settings.map(|setting| {
        let place = config.place_of(setting).unwrap_or("default").to_owned();
        [setting.name.to_owned(), setting.shown(&config).unwrap_or_else(|| "-".to_owned()), place]
    });
    terminal::table(["SETTING", "VALUE", "FROM"], &[], rows);
    Ok(())
}
