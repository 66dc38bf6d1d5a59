//! `engram usage`: what tenants used, for people, for billing systems, and proven.

mod adjust;
mod export;
mod reconcile;
mod show;

use clap::{Args, Subcommand};

use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  engram usage show                                            every tenant, the last 31 days
  engram usage show --tenant acme --from 2026-11-01 --to 2026-11-30
  engram usage show --tenant acme --by hour --json             what GET /v1/usage answers
  engram usage export --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z > november.jsonl
  engram usage export --as stripe --event-name engram_api_calls --counter api-calls
  engram usage reconcile                                       what was served against what the ledger holds
  engram usage adjust --id inc-42 --tenant acme --day 2026-11-24 --api-calls=-120 --reason \"incident 42\"

Days and hours are in UTC. Test tenants are never billed; an export leaves them out unless told.";

/// What tenants used: show, export, reconcile, correct
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Usage {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// What one tenant used, or all of them, by day or hour
    Show(show::Show),
    /// Single events as JSON Lines, in a shape that billing meters take
    Export(export::Export),
    /// Whether what was served is what the ledger holds, hour by hour
    Reconcile(reconcile::Reconcile),
    /// Correct a tenant's day; what was counted stays as it is
    Adjust(adjust::Adjust),
}

impl Usage {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let format = shared.format();
        let (door, outcome) = match self.deed {
            Deed::Show(show) => show.run(door, format).await,
            Deed::Export(export) => {
                let outcome = export.run(&door).await;
                (door, outcome)
            }
            Deed::Reconcile(reconcile) => {
                let outcome = reconcile.run(&door, format).await;
                (door, outcome)
            }
            Deed::Adjust(adjust) => {
                let outcome = adjust.run(&door, format).await;
                (door, outcome)
            }
        };
        door.close().await;
        outcome
    }
}

/// A path with those parameters that were given.
fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut path = path.to_owned();
    let given = parameters.iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    for (count, (name, value)) in given.enumerate() {
        path.push(if count == 0 { '?' } else { '&' });
        path.push_str(&format!("{name}={}", encode(value)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_given_is_not_asked_for() {
        assert_eq!(with_query("/usage", &[("a", None)]), "/usage");
        assert_eq!(
            with_query("/usage", &[("a", None), ("b", Some("x y")), ("c", Some("1"))]),
            "/usage?b=x%20y&c=1"
        );
    }
}
