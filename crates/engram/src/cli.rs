//! The command line: every command, the options they share, and the words that explain them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use server::config::{Config, Sources};
use tenancy::Environment;

use crate::commands;
use crate::failure::Failure;
use crate::terminal::Format;

const EXAMPLES: &str = "\
Start here:
  engram serve                               start the service; it prints a key and lines to paste
  engram add \"Anna prefers tea to coffee\"    remember something
  engram search \"what does Anna drink?\"      find it again
  engram mcp                                 what a coding agent starts (MCP over stdio)

Every command finds the running service by its data folder, or opens the folder itself when no service runs.
With ENGRAM_URL and ENGRAM_API_KEY set, commands go to that service instead.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no service or folder to be reached.";

/// Memory for AI agents: keeps what they learned, and finds it by words and by meaning.
#[derive(Debug, Parser)]
#[command(name = "engram", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shared {
    /// Folder with the data [default: ~/.local/share/engram; env: ENGRAM_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) data_dir: Option<PathBuf>,
    /// TOML file with settings [env: ENGRAM_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// Where the control plane is: embedded or postgres://...; better as the variable [env: ENGRAM_CONTROL_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) control_url: Option<String>,
    /// Where backups go: file:///path or s3://bucket/prefix [env: ENGRAM_BACKUP_VAULT]
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) vault: Option<String>,
    /// The S3 server's URL, when it is not Amazon's [env: ENGRAM_BACKUP_VAULT_ENDPOINT]
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) vault_endpoint: Option<String>,
    /// Any other setting, such as --set limits.in_flight=100 (see `engram config check`)
    #[arg(long, global = true, value_name = "NAME=VALUE", help_heading = "Everywhere")]
    pub(crate) set: Vec<String>,
    /// Write JSON, for machines
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
}

/// How a command reaches the service.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Reach {
    /// The service's address; without it, the one that owns the data folder
    #[arg(long, global = true, env = "ENGRAM_URL", value_name = "URL", help_heading = "Service")]
    pub(crate) url: Option<String>,
    /// Key for the service at --url
    #[arg(
        long,
        global = true,
        env = "ENGRAM_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        help_heading = "Service"
    )]
    pub(crate) api_key: Option<String>,
}

/// Whose memories a command works on.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AsTenant {
    /// Tenant to act for in the data folder; a key names its own [default: default]
    #[arg(long, env = "ENGRAM_TENANT", value_name = "SLUG", help_heading = "Service")]
    pub(crate) tenant: Option<String>,
}

/// The kind of installation.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Env {
    /// A laptop: everything embedded, nothing enforced.
    Dev,
    /// A rehearsal of prod: limits measured, not refused.
    Staging,
    /// The real thing: unsafe settings refuse to start.
    Prod,
}

impl Env {
    /// The word that the configuration has for it.
    pub(crate) fn word(self) -> String {
        let environment = match self {
            Self::Dev => Environment::Dev,
            Self::Staging => Environment::Staging,
            Self::Prod => Environment::Prod,
        };
        environment.as_str().to_owned()
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the service: REST and MCP over HTTP
    Serve(commands::serve::Serve),
    /// Speak MCP over stdio, for a local coding agent
    Mcp(commands::mcp::Mcp),
    /// Remember a text (short for `memory add`)
    Add(commands::memory::Add),
    /// Find memories by words and meaning (short for `memory search`)
    Search(commands::memory::Search),
    /// Add, get, search, list and delete memories
    Memory(commands::memory::Memory),
    /// Create, list, show, suspend, resume and delete tenants
    Tenant(commands::tenant::Tenant),
    /// List, add, change and remove the members of a tenant
    Member(commands::member::Member),
    /// Invite people into a tenant, list and revoke invites
    Invite(commands::invite::Invite),
    /// Create, list, rotate and revoke API keys
    Key(commands::key::Key),
    /// Show and change what tenants may use
    Plan(commands::plan::Plan),
    /// What tenants used, by day
    Usage(commands::usage::Usage),
    /// Who changed what, when and from where
    Audit(commands::audit::Audit),
    /// Write every memory of a tenant, with its versions, as lines of JSON
    Export(commands::transfer::Export),
    /// Store what an export holds
    Import(commands::transfer::Import),
    /// Write what a tenant's damaged file still holds, as lines of JSON
    Salvage(commands::transfer::Salvage),
    /// Make and list backups
    Backup(commands::backup::BackupCommand),
    /// Put a backup of a tenant in the place of what is there
    Restore(commands::restore::RestoreCommand),
    /// Prove backups by restoring them into a sandbox
    RestoreTest(commands::restore_test::RestoreTestCommand),
    /// Make a lost service again from the vault and the operator's key
    Rebuild(commands::rebuild::Rebuild),
    /// The key that opens every backup: make one, change it
    OperatorKey(commands::operator_key::OperatorKeyCommand),
    /// Who serves the data folder, where, and how much is in it
    Status(commands::status::Status),
    /// Check everything that the playbook checks, and name the page for what is wrong
    Doctor(commands::doctor::Doctor),
    /// See what the service is busy with, and narrow it without a restart
    Load(commands::load::Load),
    /// Show and refresh the identity provider's keys
    Jwks(commands::jwks::Jwks),
    /// Look at the control plane's database, and bring it up to date
    Control(commands::control::ControlCommand),
    /// Look at the configuration
    Config(commands::config::ConfigCommand),
    /// Measure speed and retrieval quality
    Bench(commands::bench::Bench),
    /// Print completions for a shell
    Completions(commands::completions::Completions),
}

impl Shared {
    /// For whom to write.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::People }
    }

    /// Everything said about the configuration: the environment, the file, these flags and `more`.
    pub(crate) fn sources(&self, more: &[(&str, Option<String>)]) -> Result<Sources, Failure> {
        let mut sources = Sources::from_environment();
        if let Some(file) = &self.config {
            sources.file = Some(file.clone());
        }
        if let Some(folder) = &self.data_dir {
            let folder = folder.to_str().ok_or_else(|| Failure::usage("--data-dir must be valid UTF-8"))?;
            sources = sources.with_flag("data_dir", folder);
        }
        if let Some(url) = &self.control_url {
            sources = sources.with_flag("control.url", url);
        }
        for (name, value) in [("backup.vault", &self.vault), ("backup.vault_endpoint", &self.vault_endpoint)]
        {
            if let Some(value) = value {
                sources = sources.with_flag(name, value);
            }
        }
        for pair in &self.set {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(Failure::usage(format!("--set {pair} must have the form NAME=VALUE")));
            };
            sources = sources.with_flag(name, value);
        }
        for (name, value) in more {
            if let Some(value) = value {
                sources = sources.with_flag(name, value);
            }
        }
        Ok(sources)
    }

    /// The configuration that these options make.
    pub(crate) fn configuration(&self) -> Result<Config, Failure> {
        load(&self.sources(&[])?)
    }
}

/// The configuration, or all its mistakes in one line.
pub(crate) fn load(sources: &Sources) -> Result<Config, Failure> {
    Config::load(sources).map_err(|error| Failure::usage(format!("the configuration is wrong: {error}")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_every_command_may_come_last() {
        let cli =
            Cli::try_parse_from(["engram", "tenant", "create", "acme", "--json", "--data-dir", "x"]).unwrap();
        assert_eq!(cli.shared.format(), Format::Json);
        assert_eq!(cli.shared.data_dir, Some("x".into()));
    }

    #[test]
    fn every_command_of_a_runbook_is_one_of_ours() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let runbooks = std::fs::read_dir(docs.join("runbooks")).unwrap().map(|entry| entry.unwrap().path());
        let mut commands = 0;
        for page in runbooks.chain([docs.join("operations.md")]) {
            let text = std::fs::read_to_string(&page).unwrap();
            let blocks = text.split("```").skip(1).step_by(2);
            let blocks = blocks.filter_map(|block| block.split_once('\n'));
            for (kind, block) in blocks.filter(|(kind, _)| kind.starts_with("sh")) {
                for line in block.lines().filter(|line| line.starts_with("engram ")) {
                    let line = line.split(" #").next().unwrap_or(line);
                    let parsed = Cli::try_parse_from(line.split_whitespace());
                    let shown = parsed.err().filter(clap::Error::use_stderr);
                    assert!(shown.is_none(), "{}: {kind}: {line}: {}", page.display(), shown.unwrap());
                    commands += 1;
                }
            }
        }
        assert!(commands > 50, "only {commands} commands were found");
    }
}
