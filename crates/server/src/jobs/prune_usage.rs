//! Removes single usage events that are older than their retention, day by day, after their sums were proven.

use std::sync::Arc;

use control::{PruneStep, UsageDay};
use jiff::ToSpan;

use crate::app::App;

/// Steps of one run, a few thousand events each; the rest goes in the next one.
const STEPS_PER_RUN: usize = 400;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let today = UsageDay::day_of(app.clock.now());
    let Ok(before) = today.checked_sub(i64::from(app.config.usage.retention_days).days()) else {
        return Ok(());
    };
    for _ in 0..STEPS_PER_RUN {
        match app.control.prune_usage(before).await.map_err(|error| error.to_string())? {
            PruneStep::Done => break,
            PruneStep::Closed { day, events } => {
                tracing::info!(%day, events, "the sums of a day of usage are proven; its single events go");
            }
            PruneStep::Removed { .. } => {}
            PruneStep::Differs { day, tenants } => {
                metering::days_not_proven(1);
                return Err(format!(
                    "the sums of {day} are not those of its single events, for {tenants} tenants; nothing is removed"
                ));
            }
        }
    }
    metering::days_not_proven(0);
    Ok(())
}
