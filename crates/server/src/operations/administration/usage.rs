//! What tenants used, for operators: one tenant or all of them, by day, from the ledger.

use gateway::OperatorPass;
use tenancy::{Slug, Tenant};

use super::{one_more_than, tenant_named};
use crate::app::App;
use crate::decode::UsageQuery;
use crate::operations::Failure;
use crate::operations::show_usage::day_to_wire;

/// A page of tenants, and the days on which each used something. Deleted tenants are there too: they may have
/// a last bill.
///
/// # Errors
/// 404 for an unknown tenant; [`Failure::Control`].
pub async fn report_usage(
    app: &App,
    _: &OperatorPass,
    tenant: Option<&Slug>,
    query: UsageQuery,
) -> Result<api::UsageReport, Failure> {
    let mut page = match tenant {
        Some(slug) => vec![tenant_named(app, slug).await?],
        None => app.control.tenants_made_after(query.after.as_ref(), one_more_than(query.limit)).await?,
    };
    let there_is_more = page.len() > query.limit;
    page.truncate(query.limit);
    let last = page.last().filter(|_| there_is_more);
    let next_cursor = last.map(|tenant| tenant.id.to_string());
    let mut items = Vec::new();
    for tenant in &page {
        items.extend(days_of(app, tenant, &query).await?);
    }
    Ok(api::UsageReport { from: query.from.to_string(), to: query.to.to_string(), items, next_cursor })
}

async fn days_of(
    app: &App,
    tenant: &Tenant,
    query: &UsageQuery,
) -> Result<Vec<api::TenantUsageDay>, Failure> {
    let days = app.control.usage_by_day(&tenant.id, query.from, query.to).await?.into_iter();
    let row = |day: control::UsageDay| api::TenantUsageDay {
        tenant_id: tenant.id.to_string(),
        tenant: tenant.slug.to_string(),
        usage: day_to_wire(day.day, day.counters),
    };
    Ok(days.map(row).collect())
}
