//! What operators bill on: single events, corrections, and whether what was served is what the ledger holds.

use std::collections::HashMap;

use control::{UsageEventsQuery, Verdict};
use gateway::OperatorPass;
use jiff::civil::Date;
use tenancy::{Slug, Tenant, TenantId, UsageEvent};

use super::tenant_named;
use crate::app::App;
use crate::decode::{AdjustmentInput, UsageEventsInput, usage_cursor};
use crate::operations::Failure;
use crate::operations::show_usage::{adjustment_to_wire, end_of, is_billed, start_of};

/// A page of single events, of one tenant or of all.
///
/// # Errors
/// 404 for an unknown tenant; [`Failure::Control`].
pub async fn list_usage_events(
    app: &App,
    _: &OperatorPass,
    tenant: Option<&Slug>,
    input: UsageEventsInput,
) -> Result<api::UsageEventList, Failure> {
    let tenants = match tenant {
        Some(slug) => vec![tenant_named(app, slug).await?],
        None => app.control.list_tenants().await?,
    };
    let only = tenant.and(tenants.first()).map(|tenant| tenant.id.clone());
    let UsageEventsInput { from, to, after, limit } = input;
    let events = app.control.usage_events(UsageEventsQuery { tenant: only, from, to, after, limit }).await?;
    let is_full = events.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next_cursor = events.last().filter(|_| is_full).map(usage_cursor);
    let known: HashMap<TenantId, Tenant> =
        tenants.into_iter().map(|tenant| (tenant.id.clone(), tenant)).collect();
    let items = events.into_iter().map(|event| {
        let tenant = known.get(&event.tenant_id);
        event_to_wire(event, tenant)
    });
    Ok(api::UsageEventList { items: items.collect(), next_cursor })
}

/// Corrects a tenant's day by a row of its own.
///
/// # Errors
/// 404 for an unknown tenant; [`Failure::Control`].
pub async fn adjust_usage(
    app: &App,
    by: &OperatorPass,
    input: AdjustmentInput,
) -> Result<api::UsageAdjustment, Failure> {
    let tenant = tenant_named(app, input.tenant()).await?;
    let adjusted = app.control.adjust_usage(input.of(tenant.id), &by.actor()).await?;
    Ok(adjustment_to_wire(adjusted))
}

/// Compares what nodes served in the hours of some days with what the ledger holds.
///
/// # Errors
/// [`Failure::Control`].
pub async fn reconcile_usage(
    app: &App,
    _: &OperatorPass,
    (first, last): (Date, Date),
) -> Result<api::UsageReconciliation, Failure> {
    // What this node knows by now; others have told what they knew a few minutes ago.
    app.control.report_node_hours(app.meter.node(), app.meter.hours()).await?;
    let found = app.control.reconcile_usage(start_of(first), end_of(last)).await?;
    let items = found.hours.iter().map(|hour| api::ReconciledHour {
        hour: hour.hour_start,
        verdict: word_of(hour.verdict()).to_owned(),
        nodes: hour.nodes,
        served: hour.served.requests,
        sent: hour.sent.requests,
        ledger: hour.ledger.requests,
        rolled_up: hour.rolled_up.requests,
    });
    Ok(api::UsageReconciliation {
        drift: found.drift(),
        days_differing: found.days_differing,
        items: items.collect(),
    })
}

fn word_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Waiting(_) => "waiting",
        Verdict::Unreported => "unreported",
        Verdict::Drift(_) => "drift",
    }
}

fn event_to_wire(event: UsageEvent, tenant: Option<&Tenant>) -> api::UsageEvent {
    api::UsageEvent {
        request_id: event.request_id.to_string(),
        tenant_id: event.tenant_id.to_string(),
        tenant: tenant.map(|tenant| tenant.slug.to_string()),
        // Nobody can be billed of whom nothing is known.
        billed: tenant.is_some_and(|tenant| is_billed(tenant.kind)),
        workspace: event.workspace,
        route: event.route,
        status: event.status,
        api_calls: event.counters.api_calls,
        search_queries: event.counters.search_queries,
        memories_created: event.counters.memories_created,
        storage_bytes: event.counters.storage_bytes_delta,
        occurred_at: event.occurred_at,
    }
}
