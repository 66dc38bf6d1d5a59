//! `engram operator-key`: makes the key that opens every backup, and changes it.

use std::path::PathBuf;

use api::Run;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::follow_run::follow_run;
use crate::cli::{Reach, Shared};
use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram operator-key create                          prints a new key; keep copies of it in two places
  engram operator-key create --file /etc/engram/operator-key
  engram operator-key show                            which key is in use, without showing it
  engram operator-key rotate                          after the new key was put before the old one

Every tenant's backups are encrypted with a key of their own, and that key with this one. To change it: make a new one, put it
as the first line of backup.operator_key_file (or before a comma in ENGRAM_BACKUP_OPERATOR_KEY) with the old one behind it,
restart, run `rotate`, and take the old one out. No backup is encrypted anew.";

/// The key that opens every backup: make one, change it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct OperatorKeyCommand {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Make a new key
    Create {
        /// Write it to this new file, for this user alone, instead of printing it
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Show the id of the key that is configured here
    Show,
    /// Wrap every tenant's backup key with the key in use
    Rotate,
}

impl OperatorKeyCommand {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let format = shared.format();
        match self.deed {
            Deed::Create { file } => create(format, file),
            Deed::Show => show(shared),
            Deed::Rotate => {
                let door = Door::open(&self.reach, shared).await?;
                let outcome = rotate(&door, format).await;
                door.close().await;
                outcome
            }
        }
    }
}

fn create(format: Format, file: Option<PathBuf>) -> Result<(), Failure> {
    let key = server::backups::new_operator_key();
    let Some(file) = file else {
        return match format {
            Format::Json => terminal::json(&json!({"id": key.id, "key": *key.text})),
            Format::People => {
                terminal::line(key.text.as_str());
                terminal::remark("keep copies of it in two places: without it no backup can be read");
                Ok(())
            }
        };
    };
    if file.exists() {
        return Err(Failure::refused(format!("{} is there already and was left as it is", file.display())));
    }
    key.write(&file).map_err(|error| Failure::refused(format!("{}: {error}", file.display())))?;
    match format {
        Format::Json => terminal::json(&json!({"id": key.id, "file": file})),
        Format::People => {
            terminal::line(format!("wrote the operator's key {} to {}", key.id, file.display()));
            terminal::remark("keep a copy of it elsewhere: without it no backup can be read");
            Ok(())
        }
    }
}

fn show(shared: &Shared) -> Result<(), Failure> {
    let keys = server::backups::operator_keys(&shared.configuration()?).map_err(Failure::refused)?;
    let id = keys.current().id();
    match shared.format() {
        Format::Json => terminal::json(&json!({"id": id})),
        Format::People => {
            terminal::line(id);
            Ok(())
        }
    }
}

async fn rotate(door: &Door, format: Format) -> Result<(), Failure> {
    let run: Run = door.post("/operator-key/rotate", &json!({})).await?;
    let done: Value = follow_run(door, format, run).await?;
    if format == Format::Json {
        return terminal::json(&done);
    }
    terminal::line(format!(
        "{} keys are wrapped with the operator's key {} now",
        done["wrapped"], done["operator_key"]
    ));
    Ok(())
}
