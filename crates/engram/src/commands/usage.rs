//! `engram usage`: what tenants used, by day.

use api::UsageReport;
use clap::Args;

use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram usage                                    every tenant, the last 31 days
  engram usage --tenant acme --from 2026-11-01 --to 2026-11-30
  engram usage --json

Days are in UTC. The ledger is a few seconds behind.";

/// What tenants used, by day
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Usage {
    /// Only this tenant
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// The first day [default: 30 days before --to]
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

impl Usage {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome = self.read(&door).await;
        door.close().await;
        show(shared.format(), &outcome?)
    }

    /// Every page as one report.
    async fn read(&self, door: &Door) -> Result<UsageReport, Failure> {
        let mut path = "/usage?limit=100".to_owned();
        for (name, value) in [("tenant", &self.tenant), ("from", &self.from), ("to", &self.to)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", encode(value)));
            }
        }
        let mut report: UsageReport = door.get(&path).await?;
        while let Some(cursor) = report.next_cursor.take() {
            let page: UsageReport = door.get(&format!("{path}&cursor={}", encode(&cursor))).await?;
            report.items.extend(page.items);
            report.next_cursor = page.next_cursor;
        }
        Ok(report)
    }
}

fn show(format: Format, report: &UsageReport) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(report);
    }
    let rows = report.items.iter().map(|row| {
        let usage = &row.usage;
        let numbers = [usage.api_calls, usage.search_queries, usage.memories_created];
        let [calls, searches, memories] = numbers.map(|number| number.to_string());
        [row.tenant.clone(), usage.day.clone(), calls, searches, memories, usage.storage_bytes.to_string()]
    });
    terminal::table(["TENANT", "DAY", "CALLS", "SEARCHES", "MEMORIES", "BYTES"], &[2, 3, 4, 5], rows);
    Ok(())
}
