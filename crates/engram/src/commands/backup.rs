//! `engram backup`: makes backups and lists them.

use api::{Backup, BackupList, Run};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::follow_run::follow_run;
use crate::cli::{Reach, Shared};
use crate::door::{DEFAULT_TENANT, Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram backup create --tenant acme      one tenant, now, while it is written to
  engram backup create --all              every tenant that changed since its newest backup
  engram backup list --tenant acme        newest first, with when each was proven by restoring it
  engram backup create --tenant acme --vault s3://bucket/engram --vault-endpoint https://ACCOUNT.r2.cloudflarestorage.com

Backups go to backup.vault (see `engram config check`), compressed and encrypted with a key of the tenant that only the
operator's key opens: keep a copy of that key away from this machine. A running service makes them by itself
(backup.every_hours) and removes old ones (backup.keep_daily, keep_weekly, keep_monthly).";

/// Make and list backups
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BackupCommand {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Back up a tenant now
    Create {
        /// The tenant [default: default]
        #[arg(long, value_name = "SLUG", conflicts_with = "all")]
        tenant: Option<String>,
        /// Every tenant that changed since its newest backup
        #[arg(long)]
        all: bool,
    },
    /// List a tenant's backups, newest first
    List {
        /// The tenant [default: default]
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
}

impl BackupCommand {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let format = shared.format();
        let outcome = match self.deed {
            Deed::Create { all: true, .. } => create_all(&door, format).await,
            Deed::Create { tenant, all: false } => create(&door, format, &named(tenant)).await,
            Deed::List { tenant } => list(&door, format, &named(tenant)).await,
        };
        door.close().await;
        outcome
    }
}

/// The tenant meant, and the one every installation has unless one is named.
pub(super) fn named(tenant: Option<String>) -> String {
    tenant.unwrap_or_else(|| DEFAULT_TENANT.to_owned())
}

async fn create(door: &Door, format: Format, tenant: &str) -> Result<(), Failure> {
    let run: Run = door.post(&format!("/tenants/{}/backups", encode(tenant)), &json!({})).await?;
    let made: Backup = follow_run(door, format, run).await?;
    if format == Format::Json {
        return terminal::json(&made);
    }
    terminal::line(format!(
        "backed up {tenant}: {} memories in {} ({}), as {}",
        made.memories,
        bytes(made.size_bytes),
        made.key,
        made.id
    ));
    Ok(())
}

async fn create_all(door: &Door, format: Format) -> Result<(), Failure> {
    let run: Run = door.post("/backups", &json!({})).await?;
    let made: Value = follow_run(door, format, run).await?;
    let failed = made["failed"].as_array().cloned().unwrap_or_default();
    if format == Format::Json {
        terminal::json(&made)?;
    } else {
        terminal::line(format!(
            "{} tenants backed up, {} unchanged since their newest backup, {} failed",
            made["backed_up"],
            made["unchanged"],
            failed.len()
        ));
    }
    if failed.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = failed.iter().map(|one| format!("{}: {}", one["tenant"], one["error"])).collect();
    Err(Failure::refused(format!("not backed up: {}", told.join("; "))))
}

/// Every page as one list.
async fn list(door: &Door, format: Format, tenant: &str) -> Result<(), Failure> {
    let first = format!("/tenants/{}/backups?limit=100", encode(tenant));
    let mut all: BackupList = door.get(&first).await?;
    while let Some(cursor) = all.next_cursor.take() {
        let page: BackupList = door.get(&format!("{first}&cursor={}", encode(&cursor))).await?;
        all.items.extend(page.items);
        all.next_cursor = page.next_cursor;
    }
    if format == Format::Json {
        return terminal::json(&all);
    }
    if all.items.is_empty() {
        terminal::line(format!(
            "{tenant} has no backup yet; make one with `engram backup create --tenant {tenant}`"
        ));
        return Ok(());
    }
    let rows = all.items.into_iter().map(|backup| {
        let verified = backup.verified_at.map_or_else(|| "not yet".to_owned(), |at| at.to_string());
        let (size, memories) = (bytes(backup.size_bytes), backup.memories.to_string());
        [backup.id, backup.created_at.to_string(), backup.reason, memories, size, verified]
    });
    terminal::table(["BACKUP", "MADE", "WHY", "MEMORIES", "SIZE", "RESTORE PROVEN"], &[3, 4], rows);
    Ok(())
}

/// A size as people read it.
pub(super) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
