//! `engram doctor`: runs the playbook's checks on a service that runs or is stopped, and names the page for each.

use api::{Check, Checks};
use clap::Args;
use serde_json::json;

use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram doctor                    every check; exit code 1 if one fails
  engram doctor --tenant acme      also reads the whole file of one tenant
  engram doctor --fix              first repairs what can be repaired without harm
  engram doctor --json

A repair reads the identity provider's keys anew, opens stores again that did not open, and sends usage events that wait;
each is in the audit log. A stopped service is opened for as long as the checks take.";

/// Check everything that the playbook checks
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Repair what can be repaired without harm, then check
    #[arg(long)]
    fix: bool,
    /// Also read the whole file of this tenant
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

impl Doctor {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let checks = match self.ask(shared).await {
            Ok(checks) => checks,
            // A service that does not start is the first finding, whatever the others would be.
            Err(failure) => Checks { checks: vec![does_not_open(&failure)] },
        };
        show(shared.format(), &checks)?;
        match checks.checks.iter().filter(|check| check.status == "fail").count() {
            0 => Ok(()),
            1 => Err(Failure::refused("one check failed; its page says what to do")),
            failed => Err(Failure::refused(format!("{failed} checks failed; their pages say what to do"))),
        }
    }

    async fn ask(&self, shared: &Shared) -> Result<Checks, Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome = self.ask_at(&door).await;
        door.close().await;
        outcome
    }

    async fn ask_at(&self, door: &Door) -> Result<Checks, Failure> {
        if self.fix {
            let _: Checks = door.post("/checks/repair", &json!({})).await?;
        }
        match &self.tenant {
            Some(tenant) => door.get(&format!("/checks?tenant={}", encode(tenant))).await,
            None => door.get("/checks").await,
        }
    }
}

fn does_not_open(failure: &Failure) -> Check {
    Check {
        name: "service".to_owned(),
        status: "fail".to_owned(),
        detail: failure.to_string(),
        runbook: "docs/runbooks/metrics_absent.md".to_owned(),
    }
}

fn show(format: Format, checks: &Checks) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(checks);
    }
    let rows = checks.checks.iter().map(|check| {
        let page = if check.status == "ok" { String::new() } else { check.runbook.clone() };
        [check.status.clone(), check.name.clone(), check.detail.clone(), page]
    });
    terminal::table(["", "check", "found", "page"], &[], rows);
    Ok(())
}
