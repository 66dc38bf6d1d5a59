//! `engram usage reconcile`: hour by hour, what was served against what the ledger holds.

use api::UsageReconciliation;
use clap::Args;

use super::with_query;
use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

/// Whether what was served is what the ledger holds, hour by hour
#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// One day
    #[arg(long, value_name = "DAY", conflicts_with_all = ["from", "to"])]
    day: Option<String>,
    /// The first day [default: the day before --to]
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
}

impl Reconcile {
    /// Fails when anything differs, so that a script notices.
    pub(super) async fn run(self, door: &Door, format: Format) -> Result<(), Failure> {
        let from = self.day.as_deref().or(self.from.as_deref());
        let to = self.day.as_deref().or(self.to.as_deref());
        let path = with_query("/usage/reconciliation", &[("from", from), ("to", to)]);
        let found: UsageReconciliation = door.get(&path).await?;
        match format {
            Format::Json => terminal::json(&found)?,
            Format::People => show(&found),
        }
        match found.drift {
            0 => Ok(()),
            drift => Err(Failure::refused(format!(
                "{drift} events are on one side only; docs/usage.md says what each column can tell"
            ))),
        }
    }
}

fn show(found: &UsageReconciliation) {
    let rows = found.items.iter().map(|hour| {
        let counts = [hour.nodes, hour.served, hour.sent, hour.ledger, hour.rolled_up];
        let [nodes, served, sent, ledger, rolled_up] = counts.map(|count| count.to_string());
        [hour.hour.to_string(), nodes, served, sent, ledger, rolled_up, hour.verdict.clone()]
    });
    let header = ["HOUR", "NODES", "SERVED", "SENT", "LEDGER", "ROLLED UP", "VERDICT"];
    terminal::table(header, &[1, 2, 3, 4, 5], rows);
    terminal::line(format!(
        "Drift: {} events. Days whose sum is not that of their hours: {}.",
        found.drift, found.days_differing
    ));
}
