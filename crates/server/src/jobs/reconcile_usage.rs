//! Tells the control plane what this node served, and compares closed hours of all nodes with the ledger.

use std::sync::Arc;

use control::{ReconciledHour, Reconciliation, Verdict};
use jiff::{Timestamp, ToSpan};
use parking_lot::Mutex;
use tenancy::hour_start;

use crate::app::App;
use crate::config::UsageRecording;

/// How far back hours are compared; an outage of a weekend is still in it.
const HOURS_LOOKED_BACK: i64 = 72;

/// Where the comparison goes on: an hour that agreed is not compared again, one that does not is until it does, so
/// that the gauge stays up and a busy ledger is read once an hour.
#[derive(Debug, Default)]
pub struct ReconciledUsage {
    next: Mutex<Option<Timestamp>>,
}

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    // A dry run keeps nothing that could be compared.
    if app.config.usage.recording == UsageRecording::DryRun {
        return Ok(());
    }
    let found = reconcile(&app).await.map_err(|error| error.to_string())?;
    metering::reconciled(&found);
    *app.reconciled_usage.next.lock() = Some(next_of(&found, hour_start(app.clock.now())));
    for hour in &found.hours {
        match hour.verdict() {
            Verdict::Drift(events) => tell_of_drift(hour, events),
            Verdict::Agrees | Verdict::Waiting(_) | Verdict::Unreported => {}
        }
    }
    if found.days_differing > 0 {
        tracing::error!(days = found.days_differing, "daily sums of usage are not the sums of their hours");
    }
    Ok(())
}

async fn reconcile(app: &App) -> Result<Reconciliation, control::ControlError> {
    app.control.report_node_hours(app.meter.node(), app.meter.hours()).await?;
    let now = hour_start(app.clock.now());
    let earliest = now.saturating_sub(HOURS_LOOKED_BACK.hours()).unwrap_or(now);
    let from = app.reconciled_usage.next.lock().map_or(earliest, |next| next.max(earliest));
    app.control.reconcile_usage(from.min(now), now).await
}

/// The first hour that does not agree yet, or the one that has not ended.
fn next_of(found: &Reconciliation, open_hour: Timestamp) -> Timestamp {
    let open = found.hours.iter().find(|hour| hour.verdict() != Verdict::Agrees);
    open.map_or(open_hour, |hour| hour.hour_start)
}

fn tell_of_drift(hour: &ReconciledHour, events: u64) {
    tracing::error!(
        hour = %hour.hour_start,
        events,
        served = hour.served.requests,
        sent = hour.sent.requests,
        ledger = hour.ledger.requests,
        rolled_up = hour.rolled_up.requests,
        "usage of a closed hour does not agree; see `engram usage reconcile`"
    );
}
