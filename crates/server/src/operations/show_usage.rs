//! Reads what a tenant used: the ledger by day, and what is not in the ledger yet.

use std::collections::BTreeMap;

use gateway::Pass;
use jiff::ToSpan;
use jiff::civil::Date;
use tenancy::{Counters, TenantId};

use super::shape::limits_to_wire;
use super::{Done, Failure};
use crate::app::App;

/// Days that are shown unless said.
const DAYS_SHOWN: i32 = 31;

/// The caller's own usage.
///
/// # Errors
/// [`Failure::Control`] when the ledger does not answer.
pub async fn show_usage(app: &App, pass: &Pass) -> Result<Done<api::Usage>, Failure> {
    Ok(Done::read(usage_of(app, pass.tenant()).await?, None))
}

/// The last 31 days of one tenant.
///
/// # Errors
/// [`Failure::Control`] when the ledger does not answer or the tenant is unknown.
pub async fn usage_of(app: &App, tenant: &TenantId) -> Result<api::Usage, Failure> {
    let today = control::UsageDay::day_of(app.clock.now());
    let first = today.checked_sub((DAYS_SHOWN - 1).days()).unwrap_or(today);
    let limits = app.control.tenant_with_limits(tenant).await?.map(|found| found.limits).unwrap_or_default();
    // Unsent first: an event that reaches the ledger in between is then seen twice for a moment, never missed.
    let unsent = app.meter.unsent_by_day(tenant);
    let ledger = app.control.usage_by_day(tenant, first, today).await?;
    let mut days: BTreeMap<Date, Counters> = BTreeMap::new();
    for day in ledger.into_iter().chain(unsent) {
        *days.entry(day.day).or_default() += day.counters;
    }
    let items = days.into_iter().map(|(day, counters)| day_to_wire(day, counters)).collect();
    Ok(api::Usage { items, limits: limits_to_wire(&limits) })
}

pub(super) fn day_to_wire(day: Date, counters: Counters) -> api::UsageDay {
    api::UsageDay {
        day: day.to_string(),
        api_calls: counters.api_calls,
        search_queries: counters.search_queries,
        memories_created: counters.memories_created,
        storage_bytes: counters.storage_bytes_delta,
    }
}
