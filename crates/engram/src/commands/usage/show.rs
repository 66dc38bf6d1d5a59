//! `engram usage show`: one tenant as it sees itself, or all tenants from the ledger.

use api::UsageReport;
use clap::{Args, ValueEnum};

use super::with_query;
use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

/// What one tenant used, or all of them, by day or hour
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Only this tenant, with what is not in the ledger yet
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// The first day [default: 30 days before --to]
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// What a row is; hours need --tenant
    #[arg(long, value_enum, default_value = "day")]
    by: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Period {
    /// A day.
    Day,
    /// An hour.
    Hour,
}

impl Show {
    pub(super) async fn run(self, door: Door, format: Format) -> (Door, Result<(), Failure>) {
        match &self.tenant {
            Some(tenant) => {
                let door = door.acting_for(Some(tenant));
                let outcome = self.show_one(&door, format).await;
                (door, outcome)
            }
            None if self.by == Period::Hour => {
                let missing = Failure::usage("--by hour shows one tenant; name it with --tenant");
                (door, Err(missing))
            }
            None => {
                let outcome = self.show_all(&door, format).await;
                (door, outcome)
            }
        }
    }

    async fn show_one(&self, door: &Door, format: Format) -> Result<(), Failure> {
        let by = match self.by {
            Period::Day => None,
            Period::Hour => Some("hour"),
        };
        let asked = [("from", self.from.as_deref()), ("to", self.to.as_deref()), ("by", by)];
        let usage: api::Usage = door.get(&with_query("/v1/usage", &asked)).await?;
        if format == Format::Json {
            return terminal::json(&usage);
        }
        let rows = usage.items.iter().map(|row| {
            let when = row.hour.map_or_else(|| row.day.clone(), |hour| hour.to_string());
            numbers([when], row)
        });
        terminal::table(["WHEN", "CALLS", "SEARCHES", "MEMORIES", "BYTES"], &[1, 2, 3, 4], rows);
        for adjustment in &usage.adjustments {
            terminal::line(format!("{} was corrected: {}", adjustment.day, adjustment.reason));
        }
        if usage.dry_run {
            terminal::line("The service rehearses (usage.dry_run): new usage is measured and not kept.");
        }
        Ok(())
    }

    /// Every page as one report.
    async fn show_all(&self, door: &Door, format: Format) -> Result<(), Failure> {
        let asked = [("limit", Some("100")), ("from", self.from.as_deref()), ("to", self.to.as_deref())];
        let path = with_query("/usage", &asked);
        let mut report: UsageReport = door.get(&path).await?;
        while let Some(cursor) = report.next_cursor.take() {
            let page: UsageReport =
                door.get(&format!("{path}&cursor={}", crate::door::encode(&cursor))).await?;
            report.items.extend(page.items);
            report.next_cursor = page.next_cursor;
        }
        if format == Format::Json {
            return terminal::json(&report);
        }
        let rows =
            report.items.iter().map(|row| numbers([row.tenant.clone(), row.usage.day.clone()], &row.usage));
        terminal::table(["TENANT", "DAY", "CALLS", "SEARCHES", "MEMORIES", "BYTES"], &[2, 3, 4, 5], rows);
        Ok(())
    }
}

/// A row of names and the four counters.
fn numbers<const NAMES: usize, const COLUMNS: usize>(
    names: [String; NAMES],
    usage: &api::UsageDay,
) -> [String; COLUMNS] {
    let counters = [usage.api_calls, usage.search_queries, usage.memories_created].map(|n| n.to_string());
    let mut cells = names.into_iter().chain(counters).chain([usage.storage_bytes.to_string()]);
    std::array::from_fn(|_| cells.next().unwrap_or_default())
}
