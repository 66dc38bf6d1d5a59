//! `engram audit`: who changed what, when and from where.

use api::AuditLog;
use clap::Args;

use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram audit                       the last 50 changes
  engram audit --tenant acme --limit 500
  engram audit --json | jq '.items[] | select(.action == \"create_api_key\")'

Actors: user:<id>, key:<id>, local (somebody on this machine), system.";

/// Rows of one page.
const PAGE: usize = 100;

/// Who changed what, when and from where
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Audit {
    /// Only changes of this tenant
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// Most changes, newest first
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    reach: Reach,
}

impl Audit {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome = self.read(&door).await;
        door.close().await;
        show(shared.format(), &outcome?)
    }

    async fn read(&self, door: &Door) -> Result<AuditLog, Failure> {
        let mut log = AuditLog { items: Vec::new(), next_cursor: None };
        loop {
            let mut path = format!("/audit-log?limit={}", (self.limit - log.items.len()).clamp(1, PAGE));
            if let Some(slug) = &self.tenant {
                path.push_str(&format!("&tenant={}", encode(slug)));
            }
            if let Some(cursor) = &log.next_cursor {
                path.push_str(&format!("&cursor={}", encode(cursor)));
            }
            let page: AuditLog = door.get(&path).await?;
            log.items.extend(page.items);
            log.next_cursor = page.next_cursor;
            if log.next_cursor.is_none() || log.items.len() >= self.limit {
                return Ok(log);
            }
        }
    }
}

fn show(format: Format, log: &AuditLog) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(log);
    }
    let rows = log.items.iter().map(|record| {
        [
            record.occurred_at.to_string(),
            record.actor.clone(),
            record.origin.clone().unwrap_or_default(),
            record.action.clone(),
            record.target.clone(),
            record.details.to_string(),
        ]
    });
    terminal::table(["WHEN", "WHO", "FROM", "WHAT", "OF", "DETAILS"], &[], rows);
    Ok(())
}
