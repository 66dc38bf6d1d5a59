//! `engram usage adjust`: corrects a tenant's day by a row of its own.

use api::{AdjustUsage, UsageAdjustment};
use clap::Args;

use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

/// Correct a tenant's day; what was counted stays as it is
#[derive(Debug, Args)]
pub(super) struct Adjust {
    /// An id of your own; asked for twice, it corrects once
    #[arg(long)]
    id: String,
    /// The tenant
    #[arg(long, value_name = "SLUG")]
    tenant: String,
    /// The UTC day
    #[arg(long)]
    day: String,
    /// Adds to charged requests, or takes away
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    api_calls: Option<i64>,
    /// Adds to searches, or takes away
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    search_queries: Option<i64>,
    /// Adds to memories stored, or takes away
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    memories_created: Option<i64>,
    /// Adds to bytes stored, or takes away
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    storage_bytes: Option<i64>,
    /// Why; the tenant can read it
    #[arg(long)]
    reason: String,
}

impl Adjust {
    pub(super) async fn run(self, door: &Door, format: Format) -> Result<(), Failure> {
        let Self { id, tenant, day, api_calls, search_queries, memories_created, storage_bytes, reason } =
            self;
        let body = AdjustUsage {
            id,
            tenant,
            day,
            api_calls,
            search_queries,
            memories_created,
            storage_bytes,
            reason,
        };
        let made: UsageAdjustment = door.post("/usage/adjustments", &body).await?;
        match format {
            Format::Json => terminal::json(&made),
            Format::People => {
                terminal::line(format!("corrected {} of {} ({})", made.day, body.tenant, made.id));
                Ok(())
            }
        }
    }
}
