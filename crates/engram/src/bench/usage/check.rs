//! Compares what the ledger holds with what the client was answered.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use control::{Control, UsageEventsQuery};
use jiff::civil::date;
use jiff::{Timestamp, ToSpan};
use tenancy::UsageEvent;

use super::client::{Answer, Answers};
use super::ledger::{self, Place};
use super::process::{self, tenant};
use super::report::Durability;
use super::{LedgerChoice, Plan};

const PAGE: u32 = 10_000;
/// Longest wait for what is left in the spool.
const DRAIN_MAX: Duration = Duration::from_secs(300);

/// Sends what the last process left, and compares.
pub(super) async fn compare(
    plan: &Plan,
    folder: &Path,
    place: &Place,
    answers: Answers,
) -> Result<Durability> {
    let started = Instant::now();
    let answered = answers.len();
    let meter = process::open(folder, place)?;
    let left = meter.depth();
    ensure!(meter.drain(DRAIN_MAX).await == 0, "the ledger did not take what was left in time");
    let control = ledger::open(place).await?;
    let mut log = answers.into_log();
    let (mut in_ledger, mut differing, mut unanswered, mut double) = (0_u64, 0, 0, 0);
    let mut seen = std::collections::HashSet::new();
    let mut after = None;
    loop {
        let page = read_page(&control, after).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.occurred_at, last.request_id));
        for event in &page {
            in_ledger += 1;
            double += u64::from(!seen.insert(event.request_id.as_uuid()));
            match log.remove(&event.request_id.to_string()) {
                Some(answer) => differing += u64::from(answer != answer_of(event)),
                None => unanswered += 1,
            }
        }
    }
    let days = control.usage_by_day(&tenant(), date(2000, 1, 1), date(2200, 1, 1)).await?;
    let rolled_up: u64 = days.iter().map(|day| day.requests).sum();
    double += rolled_up.saturating_sub(in_ledger);
    Ok(Durability {
        answered: answered as u64,
        kills: plan.kills as u64 + 1,
        ledger_outages: match &plan.ledger {
            LedgerChoice::OwnPostgres => plan.outages as u64,
            LedgerChoice::Sqlite | LedgerChoice::Postgres(_) => 0,
        },
        in_ledger,
        rolled_up,
        waiting_at_the_end: left,
        lost: log.len() as u64,
        double,
        differing,
        unanswered,
        // One request of each thread may be recorded and killed before its answer is read.
        unanswered_max: (plan.threads * (plan.kills + 1)) as u64,
        drift: drift(&control, &meter, in_ledger).await?,
        compare_seconds: started.elapsed().as_secs_f64(),
    })
}

async fn read_page(
    control: &Control,
    after: Option<(Timestamp, tenancy::RequestId)>,
) -> Result<Vec<UsageEvent>> {
    let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::MAX.saturating_sub(24.hours())?);
    Ok(control
        .usage_events(UsageEventsQuery { tenant: Some(tenant()), from, to, after, limit: PAGE })
        .await?)
}

/// What the node itself says against the ledger, and what a reconciliation finds.
async fn drift(control: &Control, meter: &metering::Meter, in_ledger: u64) -> Result<u64> {
    let hours = meter.hours();
    let served: u64 = hours.iter().map(|hour| hour.served.requests).sum();
    let sent: u64 = hours.iter().map(|hour| hour.sent.requests).sum();
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return Ok(in_ledger) };
    let (from, to) = (first.hour_start, last.hour_start.saturating_add(1.hour())?);
    control.report_node_hours(meter.node(), hours.clone()).await?;
    let found = control.reconcile_usage(from, to).await?;
    Ok(served.abs_diff(in_ledger) + sent.abs_diff(in_ledger) + found.drift())
}

fn answer_of(event: &UsageEvent) -> Answer {
    let c = event.counters;
    let counts = [c.api_calls, c.search_queries, c.memories_created].map(u64::cast_signed);
    [event.occurred_at.as_millisecond(), counts[0], counts[1], counts[2], c.storage_bytes_delta]
}
