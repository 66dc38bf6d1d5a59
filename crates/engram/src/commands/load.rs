//! `engram load`: what the service is busy with, and what to narrow in it without a restart.

use api::{ChangeLoad, Load as WireLoad, ShedClasses};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::{Reach, Shared};
use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram load show                      routes of the last minutes, the slowest 95th percentile first
  engram load cap 8 --tenant acme       at most 8 requests of one tenant at work at once
  engram load uncap --tenant acme
  engram load shed search               turn searches away with 503 and Retry-After
  engram load restore search

Everything holds for the running process until it ends, and is in the audit log. Administration is always served.
To tighten a tenant's rate for good: engram plan set --tenant acme --limit search.per_second=5";

/// See what the service is busy with, and narrow it without a restart
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Load {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Show routes by their 95th percentile, and what is narrowed
    Show,
    /// Bound the requests of one tenant that are at work at once, and with them the readers of its database
    Cap {
        /// Requests at once
        at_work_max: u64,
        /// The tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// Let a tenant have as many requests at work as the others
    Uncap {
        /// The tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// Turn a class of requests away
    Shed {
        /// The class
        class: Class,
    },
    /// Serve a class of requests again
    Restore {
        /// The class
        class: Class,
    },
}

/// Requests that are shed together.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Class {
    /// Look-ups.
    Read,
    /// Everything that commits.
    Write,
    /// Searches.
    Search,
}

impl Load {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome: Result<WireLoad, Failure> = match self.deed {
            Deed::Show => door.get("/load").await,
            Deed::Cap { at_work_max, tenant } => {
                let change = ChangeLoad {
                    tenant: Some(tenant),
                    at_work_max: Some(at_work_max),
                    ..ChangeLoad::default()
                };
                door.patch("/load", &change).await
            }
            Deed::Uncap { tenant } => {
                door.patch("/load", &json!({ "tenant": tenant, "at_work_max": null })).await
            }
            Deed::Shed { class } => door.patch("/load", &class.changed(true)).await,
            Deed::Restore { class } => door.patch("/load", &class.changed(false)).await,
        };
        door.close().await;
        show(shared.format(), &outcome?)
    }
}

impl Class {
    fn changed(self, shed: bool) -> ChangeLoad {
        let mut classes = ShedClasses::default();
        match self {
            Self::Read => classes.read = Some(shed),
            Self::Write => classes.write = Some(shed),
            Self::Search => classes.search = Some(shed),
        }
        ChangeLoad { shed: Some(classes), ..ChangeLoad::default() }
    }
}

fn show(format: Format, load: &WireLoad) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(load);
    }
    let ms = |ms: f64| format!("{ms:.1}");
    let rows = load.routes.iter().map(|route| {
        [
            route.route.clone(),
            route.requests.to_string(),
            ms(route.p50_ms),
            ms(route.p95_ms),
            ms(route.p99_ms),
        ]
    });
    terminal::table(["route", "requests", "p50 ms", "p95 ms", "p99 ms"], &[1, 2, 3, 4], rows);
    terminal::line(format!("{} of {} requests at work", load.in_flight, load.in_flight_max));
    for class in &load.shed {
        terminal::line(format!("{class} requests are turned away"));
    }
    for cap in &load.caps {
        terminal::line(format!("{}: at most {} requests at work", cap.tenant, cap.at_work_max));
    }
    Ok(())
}
