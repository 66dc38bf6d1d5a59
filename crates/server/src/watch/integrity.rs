//! Whether one tenant's file is whole; it is read to the end, so only when somebody asks.

use tenancy::{Slug, TenantId};

use super::{Finding, Found};
use crate::app::App;

/// Looks at every page, index and reference of the tenant's file.
pub(crate) async fn integrity_of(app: &App, slug: &Slug, tenant: &TenantId) -> Found {
    let checked = match app.fleet.store(tenant).await {
        Ok(lease) => lease.read(engine::Store::integrity_problems).await,
        Err(error) => Err(error),
    };
    let finding = match checked {
        Ok(problems) if problems.is_empty() => Finding::Ok(format!("the file of {slug} is whole")),
        Ok(problems) => Finding::Fail(format!("the file of {slug} is damaged: {}", problems.join("; "))),
        Err(error) => Finding::Fail(format!("the file of {slug} cannot be checked: {error}")),
    };
    Found { check: "integrity", runbook: "tenants_quarantined", finding }
}
