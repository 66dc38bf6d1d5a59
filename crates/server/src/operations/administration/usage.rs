//! What tenants used, for operators: one tenant or all of them, by day, from the ledger.

use gateway::OperatorPass;
use tenancy::{Slug, Tenant};

use super::tenant_named;
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
    let mut tenants = match tenant {
        Some(slug) => vec![tenant_named(app, slug).await?],
        None => app.control.list_tenants().await?,
    };
    // Ids are UUIDv7: their order is that of creation, and no tenant slips between two pages.
    tenants.sort_by(|a, b| a.id.cmp(&b.id));
    let mut rest =
        tenants.into_iter().filter(|tenant| query.after.as_ref().is_none_or(|after| tenant.id > *after));
    let page: Vec<_> = rest.by_ref().take(query.limit).collect();
    let next_cursor = rest.next().and(page.last().map(|tenant| tenant.id.to_string()));
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
