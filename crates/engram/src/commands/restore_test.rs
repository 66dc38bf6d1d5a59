//! `engram restore-test`: rehearses restores in a sandbox, and lists the rehearsals.

use api::{CreateRestoreTest, RestoreTest, RestoreTestList, RestoreTestRun, Run};
use clap::{Args, Subcommand};

use super::follow_run::follow_run;
use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram restore-test run                  a sample: newest, largest, oldest, last migrated, overdue, the rest by chance
  engram restore-test run --tenant acme    one tenant
  engram restore-test list

Each newest backup is fetched, opened and compared with what was written down when it was made: row counts, hashes of every
table, integrity, a search. Once per run a copy that was damaged on purpose must be refused. Nothing that is served is
touched. Exit code 1 when anything failed. A running service does this every week (backup.restore_tests).";

/// Prove backups by restoring them into a sandbox
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreTestCommand {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Rehearse restores now
    Run {
        /// One tenant instead of a sample
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
    /// List rehearsals, newest first
    List {
        /// Only those of one tenant
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
}

impl RestoreTestCommand {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome = match self.deed {
            Deed::Run { tenant } => rehearse(&door, shared.format(), tenant).await,
            Deed::List { tenant } => list(&door, shared.format(), tenant).await,
        };
        door.close().await;
        outcome
    }
}

async fn rehearse(door: &Door, format: Format, tenant: Option<String>) -> Result<(), Failure> {
    let run: Run = door.post("/restore-tests", &CreateRestoreTest { tenant }).await?;
    let result: RestoreTestRun = follow_run(door, format, run).await?;
    let passed = result.status == "passed";
    let failed: Vec<_> = result
        .tenants
        .iter()
        .filter(|test| test.status != "passed")
        .map(|test| format!("{} ({})", test.tenant, test.backup))
        .collect();
    match format {
        Format::Json => terminal::json(&result)?,
        Format::People => show(result.tenants),
    }
    if passed {
        return Ok(());
    }
    Err(Failure::refused(format!("restore tests failed: {}", failed.join(", "))))
}

async fn list(door: &Door, format: Format, tenant: Option<String>) -> Result<(), Failure> {
    let query = tenant.map_or_else(String::new, |slug| format!("?tenant={}", encode(&slug)));
    let tests: RestoreTestList = door.get(&format!("/restore-tests{query}")).await?;
    if format == Format::Json {
        return terminal::json(&tests);
    }
    show(tests.items);
    Ok(())
}

fn show(tests: Vec<RestoreTest>) {
    let rows = tests.into_iter().map(|test| {
        let failed: Vec<_> = test.checks.iter().filter(|check| check.status != "passed").collect();
        let checks = match failed.first() {
            None => format!("{} checks", test.checks.len()),
            Some(check) => format!("{}: {}", check.name, check.detail),
        };
        [test.tenant, test.backup, test.status, test.finished_at.to_string(), checks]
    });
    terminal::table(["TENANT", "BACKUP", "STATUS", "WHEN", "CHECKS"], &[], rows);
}
