//! `engram restore`: shows what a restore would do, asks, and does it.

use std::io::{self, IsTerminal, Write};

use api::{CreateRestore, ReplacedFileList, RestoreList, RestorePlan, Run};
use clap::Args;
use serde_json::Value;

use super::backup::{bytes, named};
use super::follow_run::follow_run;
use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram restore --tenant acme --latest-verified             shows the plan and asks
  engram restore --tenant acme --backup bkp_... --yes        a backup of `engram backup list`
  engram restore --tenant acme --before 2026-11-24T09:00:00Z --yes
  engram restore --tenant acme --latest-verified --into acme-copy --yes    into a new tenant
  engram restore --tenant acme --latest-verified --folder /tmp/look --yes  into a folder, to look at
  engram restore --tenant acme --list                        restores so far, and the files they replaced
  engram restore --tenant acme --replaced NAME --yes         back to the file that a restore replaced

While a tenant is restored its reads go on and its writes are refused with 503 until the swap. The file that was there is
kept for backup.keep_replaced_days. When anything goes wrong at any step, the tenant is as it was. What was erased (not
merely deleted) stays erased.";

/// Put a backup of a tenant in the place of what is there
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreCommand {
    /// The tenant [default: default]
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Restore into a new tenant of this name instead
    #[arg(long, value_name = "SLUG", conflicts_with = "folder")]
    into: Option<String>,
    /// Restore into a folder of the service's machine instead
    #[arg(long, value_name = "DIR")]
    folder: Option<std::path::PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The backup with this id
    #[arg(long, value_name = "ID")]
    backup: Option<String>,
    /// The newest backup older than this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// The newest backup whose restore was proven
    #[arg(long)]
    latest_verified: bool,
    /// The file that an earlier restore replaced
    #[arg(long, value_name = "NAME")]
    replaced: Option<String>,
    /// Only list the restores so far and the files they replaced
    #[arg(long)]
    list: bool,
}

impl RestoreCommand {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome = self.act(&door, shared.format()).await;
        door.close().await;
        outcome
    }

    async fn act(self, door: &Door, format: Format) -> Result<(), Failure> {
        let tenant = named(self.tenant);
        let base = format!("/tenants/{}", encode(&tenant));
        if self.which.list {
            return list(door, format, &base).await;
        }
        let folder = self.folder.as_deref().map(absolute).transpose()?;
        let wanted = CreateRestore {
            backup: self.which.backup,
            before: self.which.before,
            latest_verified: self.which.latest_verified.then_some(true),
            replaced: self.which.replaced,
            into: self.into,
            folder,
        };
        if !self.yes {
            let plan: RestorePlan = door.post(&format!("{base}/restores/plan"), &wanted).await?;
            show_plan(format, &plan)?;
            if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
                return Err(Failure::usage("nothing was changed; add --yes to restore"));
            }
            confirm(&plan.into)?;
        }
        let run: Run = door.post(&format!("{base}/restores"), &wanted).await?;
        let result: Value = follow_run(door, format, run).await?;
        if format == Format::Json {
            return terminal::json(&result);
        }
        let word = |name: &str| result[name].as_str().unwrap_or("-").to_owned();
        terminal::line(format!(
            "restored {} from {}: {} memories",
            word("into"),
            result["backup"].as_str().unwrap_or("the replaced file"),
            result["memories"]
        ));
        if let Some(kept) = result["replaced"].as_str() {
            terminal::line(format!("what was there is kept as {kept}; bring it back with --replaced {kept}"));
        }
        if result["erasures"]["applied"].as_u64().unwrap_or(0) > 0 {
            terminal::line(format!("erased again: {} memories", result["erasures"]["applied"]));
        }
        Ok(())
    }
}

fn absolute(folder: &std::path::Path) -> Result<String, Failure> {
    let folder = std::path::absolute(folder).map_err(Failure::usage)?;
    folder.to_str().map(str::to_owned).ok_or_else(|| Failure::usage("--folder must be valid UTF-8"))
}

fn show_plan(format: Format, plan: &RestorePlan) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(plan);
    }
    let number = |number: Option<u64>| number.map_or_else(|| "not known".to_owned(), |n| n.to_string());
    if let Some(backup) = &plan.backup {
        let proven = backup.verified_at.map_or_else(
            || "its restore was never rehearsed".to_owned(),
            |at| format!("its restore was proven at {at}"),
        );
        terminal::line(format!(
            "{} of {}, {} ({}); {proven}",
            backup.id,
            backup.created_at,
            bytes(backup.size_bytes),
            backup.reason
        ));
    }
    let rows = [
        ("goes into", plan.into.clone()),
        ("memories there now", number(plan.memories_now)),
        ("memories in the backup", number(plan.memories_then)),
        ("come back", number(plan.come_back)),
        ("go away", number(plan.go_away)),
        ("stay erased", plan.erasures.to_string()),
    ];
    terminal::table(["", ""], &[], rows.map(|(name, value)| [name.to_owned(), value]));
    for (at, step) in plan.steps.iter().enumerate() {
        terminal::line(format!("  {}. {step}", at + 1));
    }
    Ok(())
}

fn confirm(into: &str) -> Result<(), Failure> {
    let _ = write!(io::stderr(), "Restore into {into}? Type its name: ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::refused)?;
    if answer.trim() == into { Ok(()) } else { Err(Failure::refused("nothing was changed")) }
}

async fn list(door: &Door, format: Format, base: &str) -> Result<(), Failure> {
    let restores: RestoreList = door.get(&format!("{base}/restores")).await?;
    let replaced: ReplacedFileList = door.get(&format!("{base}/replaced")).await?;
    if format == Format::Json {
        return terminal::json(&serde_json::json!({"restores": restores.items, "replaced": replaced.items}));
    }
    let rows = restores.items.into_iter().map(|restore| {
        let how = restore.error.unwrap_or(restore.state);
        [
            restore.id,
            restore.requested_at.to_string(),
            restore.backup.unwrap_or_default(),
            restore.requested_by,
            how,
        ]
    });
    terminal::table(["RESTORE", "ASKED FOR", "BACKUP", "BY", "STATE"], &[], rows);
    let rows =
        replaced.items.into_iter().map(|file| [file.name, file.replaced_at.to_string(), bytes(file.bytes)]);
    terminal::table(["REPLACED FILE", "WHEN", "SIZE"], &[2], rows);
    Ok(())
}
