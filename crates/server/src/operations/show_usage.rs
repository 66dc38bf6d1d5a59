//! Reads what a tenant used: the ledger by day or hour, and what is not in the ledger yet.

use std::collections::BTreeMap;

use gateway::Pass;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tenancy::{Counters, TenantKind};

use super::shape::limits_to_wire;
use super::{Done, Failure};
use crate::app::App;
use crate::config::UsageRecording;
use crate::decode::{OwnUsageQuery, UsagePeriod};

/// The caller's own usage.
///
/// # Errors
/// [`Failure::Control`] when the ledger does not answer.
pub async fn show_usage(app: &App, pass: &Pass, query: OwnUsageQuery) -> Result<Done<api::Usage>, Failure> {
    let tenant = pass.tenant();
    let limits = app.control.tenant_with_limits(tenant).await?.map(|found| found.limits).unwrap_or_default();
    let items = match query.by {
        UsagePeriod::Day => by_day(app, pass, &query).await?,
        UsagePeriod::Hour => by_hour(app, pass, &query).await?,
    };
    let adjustments = app.control.usage_adjustments(tenant, query.from, query.to).await?;
    Ok(Done::read(
        api::Usage {
            items,
            adjustments: adjustments.into_iter().map(adjustment_to_wire).collect(),
            limits: limits_to_wire(&limits),
            current: now(app, pass).await?,
            dry_run: app.config.usage.recording == UsageRecording::DryRun,
            billed: is_billed(pass.tenant_record().kind),
        },
        None,
    ))
}

async fn by_day(app: &App, pass: &Pass, query: &OwnUsageQuery) -> Result<Vec<api::UsageDay>, Failure> {
    // Unsent first: an event that reaches the ledger in between is then seen twice for a moment, never missed.
    let unsent = app.meter.unsent_by_day(pass.tenant());
    let ledger = app.control.usage_by_day(pass.tenant(), query.from, query.to).await?;
    let mut days: BTreeMap<Date, Counters> = BTreeMap::new();
    for day in ledger.into_iter().chain(unsent) {
        if (query.from..=query.to).contains(&day.day) {
            *days.entry(day.day).or_default() += day.counters;
        }
    }
    Ok(days.into_iter().map(|(day, counters)| day_to_wire(day, counters)).collect())
}

async fn by_hour(app: &App, pass: &Pass, query: &OwnUsageQuery) -> Result<Vec<api::UsageDay>, Failure> {
    let (from, to) = (start_of(query.from), end_of(query.to));
    let unsent = app.meter.unsent_by_hour(pass.tenant());
    let ledger = app.control.usage_by_hour(pass.tenant(), from, to).await?;
    let mut hours: BTreeMap<Timestamp, Counters> = BTreeMap::new();
    for hour in ledger.into_iter().chain(unsent) {
        if (from..to).contains(&hour.hour_start) {
            *hours.entry(hour.hour_start).or_default() += hour.sum.counters;
        }
    }
    let row = |(hour, counters)| api::UsageDay {
        hour: Some(hour),
        ..day_to_wire(control::UsageDay::day_of(hour), counters)
    };
    Ok(hours.into_iter().map(row).collect())
}

/// What is used at this moment. A store that does not open hides what it holds, and no more than that.
async fn now(app: &App, pass: &Pass) -> Result<api::UsageNow, Failure> {
    let tally = match app.fleet.store(pass.tenant()).await {
        Ok(lease) => lease.read(engine::Store::tally).await.ok(),
        Err(_) => None,
    };
    let today = control::UsageDay::day_of(app.clock.now());
    let unsent = app.meter.unsent_by_day(pass.tenant());
    let ledger = app.control.usage_by_day(pass.tenant(), today, today).await?;
    let sums = ledger.into_iter().chain(unsent).filter(|sum| sum.day == today);
    Ok(api::UsageNow {
        memories: tally.map(|tally| tally.memories),
        workspaces: tally.map(|tally| tally.workspaces),
        storage_bytes: tally.map(|tally| tally.file_bytes),
        api_calls_today: sums.map(|sum| sum.counters.api_calls).sum(),
    })
}

pub(super) fn day_to_wire(day: Date, counters: Counters) -> api::UsageDay {
    api::UsageDay {
        day: day.to_string(),
        hour: None,
        api_calls: counters.api_calls,
        search_queries: counters.search_queries,
        memories_created: counters.memories_created,
        storage_bytes: counters.storage_bytes_delta,
    }
}

pub(super) fn adjustment_to_wire(adjustment: control::Adjustment) -> api::UsageAdjustment {
    let control::NewAdjustment { id, tenant_id, day, correction, reason } = adjustment.asked;
    api::UsageAdjustment {
        id,
        tenant_id: tenant_id.to_string(),
        day: day.to_string(),
        api_calls: correction.api_calls,
        search_queries: correction.search_queries,
        memories_created: correction.memories_created,
        storage_bytes: correction.storage_bytes_delta,
        reason,
        created_at: adjustment.created_at,
    }
}

pub(super) fn is_billed(kind: TenantKind) -> bool {
    match kind {
        TenantKind::Live => true,
        TenantKind::Test => false,
    }
}

/// The first instant of a UTC day.
pub(crate) fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |start| start.timestamp())
}

/// The first instant after a UTC day.
pub(crate) fn end_of(day: Date) -> Timestamp {
    start_of(day.checked_add(1.day()).unwrap_or(day))
}
