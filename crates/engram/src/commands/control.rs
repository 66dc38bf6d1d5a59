//! `engram control`: the database of the control plane itself, looked at and brought up to date.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use control::{Actor, Control, ExportedKeys, OtherEnvironment};
use serde_json::{Value, json};
use server::app::{ControlPlane, inspect_control_plane, migrate_control_plane, open_control_plane};
use server::config::Config;

use crate::cli::{Env, Shared, load};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram control status --control-url postgres://engram@db/engram
  engram control migrate --env prod --config engram.toml
  ENGRAM_CONTROL_URL=postgres://... engram control migrate --env staging
  engram control export control.jsonl                from the data folder, also while it is served
  engram control import control.jsonl --control-url postgres://...    into an empty database

They go to the database itself; no service needs to run. `engram serve` sets up an empty database by itself, and brings
an older one up to date in dev; elsewhere it refuses to start until `control migrate` was run. Migrate before the new
version is started: the old version goes on with the new schema until it is replaced.";

/// Look at the control plane's database, and bring it up to date
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ControlCommand {
    #[command(subcommand)]
    deed: Deed,
    /// Kind of installation, as `serve` is started with [default: dev]
    #[arg(long, global = true, value_enum, value_name = "ENV")]
    env: Option<Env>,
}

#[derive(Debug, Clone, Subcommand)]
enum Deed {
    /// Show where it is, its schema's version, and the one this program needs
    Status,
    /// Bring the schema up to date; an empty database is set up
    Migrate,
    /// Write all of it as lines of JSON, wrapped backup keys included
    Export {
        /// A new file; - is standard output
        file: PathBuf,
    },
    /// Read an export into an empty control plane, of either kind
    Import {
        /// The file; - is standard input
        file: PathBuf,
    },
}

impl ControlCommand {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let config = load(&shared.sources(&[("env", self.env.map(Env::word))])?)?;
        match self.deed {
            Deed::Status => status(&config, shared.format()).await,
            Deed::Migrate => migrate(&config, shared.format()).await,
            Deed::Export { file } => export(&config, shared.format(), &file).await,
            Deed::Import { file } => import(&config, shared.format(), &file).await,
        }
    }
}

async fn status(config: &Config, format: Format) -> Result<(), Failure> {
    let shown = match inspect_control_plane(config).await.map_err(Failure::unreachable)? {
        ControlPlane::Embedded { file } => json!({
            "kind": "sqlite",
            "file": file,
            "state": if file.exists() { "current after every start" } else { "made at the first start" },
        }),
        ControlPlane::Postgres(found) => json!({
            "kind": "postgres",
            "version": found.version,
            "needed": found.needed,
            "environment": found.environment,
            "state": match found.version {
                0 => "empty",
                version if version < found.needed => "older",
                version if version > found.needed && found.usable => "newer, and this program can use it",
                version if version > found.needed => "newer",
                _ => "current",
            },
        }),
    };
    if format == Format::Json {
        return terminal::json(&shown);
    }
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = shown.as_object().into_iter().flatten();
    terminal::table(["", ""], &[], fields.map(|(name, value)| [name.clone(), word(value)]));
    Ok(())
}

async fn migrate(config: &Config, format: Format) -> Result<(), Failure> {
    let migrated = migrate_control_plane(config).await.map_err(Failure::refused)?;
    let (shown, sentence) = match migrated {
        None => (
            json!({"kind": "sqlite", "migrated": false}),
            "the embedded control plane is brought up to date by every start; there is nothing to do"
                .to_owned(),
        ),
        Some(done) => (
            json!({"kind": "postgres", "from": done.from, "to": done.to, "migrated": done.from != done.to}),
            match done.from {
                from if from == done.to => {
                    format!("the schema is at version {}; there is nothing to do", done.to)
                }
                0 => format!("the database was empty; its schema is at version {} now", done.to),
                from => format!("the schema went from version {from} to {}", done.to),
            },
        ),
    };
    match format {
        Format::Json => terminal::json(&shown),
        Format::People => {
            terminal::line(sentence);
            Ok(())
        }
    }
}

async fn open(config: &Config) -> Result<Control, Failure> {
    let clock = stdx::clock::SystemClock::shared();
    open_control_plane(config, &clock).await.map_err(Failure::unreachable)
}

async fn export(config: &Config, format: Format, file: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::refused(format!("{}: {error}", file.display()));
    let to_output = file == Path::new("-");
    let sink: Box<dyn Write + Send> = if to_output {
        Box::new(io::stdout())
    } else {
        Box::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?)
    };
    let control = open(config).await?;
    let exported = control.export(BufWriter::new(sink), ExportedKeys::All, |_| {}).await;
    let (_, written) = exported.map_err(Failure::refused)?;
    if to_output {
        return Ok(());
    }
    match format {
        Format::Json => {
            terminal::json(&json!({"file": file, "rows": written.rows, "tables": written.tables}))
        }
        Format::People => {
            terminal::line(format!("exported {} rows to {}", written.rows, file.display()));
            Ok(())
        }
    }
}

async fn import(config: &Config, format: Format, file: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::refused(format!("{}: {error}", file.display()));
    let source: Box<dyn BufRead + Send> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(std::fs::File::open(file).map_err(failed)?))
    };
    let control = open(config).await?;
    let imported = control.import(source, OtherEnvironment::Refuse, &Actor::local(), |_| {}).await;
    let imported = imported.map_err(Failure::refused)?;
    let rows = imported.transferred.rows;
    match format {
        Format::Json => terminal::json(&json!({"rows": rows, "exported_at": imported.exported_at})),
        Format::People => {
            terminal::line(format!("imported {rows} rows, exported at {}", imported.exported_at));
            Ok(())
        }
    }
}
