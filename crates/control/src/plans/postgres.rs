//! Plans in PostgreSQL.

use deadpool_postgres::GenericClient;
use serde_json::json;
use tenancy::{Limits, PlanName, Slug, Tenant};
use tokio_postgres::Row;

use super::{Plan, assignment, unknown};
use crate::postgres::{Answer, WriteTransaction, parsed};
use crate::tenants::changed;
use crate::{Actor, tenants};

pub(super) async fn find(reader: &impl GenericClient, name: &PlanName) -> Answer<Option<Plan>> {
    let one = reader.prepare_cached("SELECT name, limits FROM plans WHERE name = $1").await?;
    reader.query_opt(&one, &[&name.as_str()]).await?.as_ref().map(plan).transpose()
}

pub(super) async fn list(reader: &impl GenericClient) -> Answer<Vec<Plan>> {
    // By bytes, as everywhere else, whatever the database's collation.
    let all = reader.prepare_cached("SELECT name, limits FROM plans ORDER BY name COLLATE \"C\"").await?;
    reader.query(&all, &[]).await?.iter().map(plan).collect()
}

pub(super) async fn upsert(deed: &WriteTransaction<'_>, plan: &Plan, by: &Actor) -> Answer<()> {
    let limits = plan.limits_as_json()?;
    let upsert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO plans (name, limits, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET limits = excluded.limits, updated_at = excluded.updated_at",
        )
        .await?;
    deed.tx().execute(&upsert, &[&plan.name.as_str(), &limits, &deed.now()]).await?;
    let (name, details) = (plan.name.as_str(), json!({ "limits": limits }));
    match plan.owner() {
        Some(tenant) => deed.note_for(&tenant, by, "upsert_plan", name, &details, Some(plan.change())).await,
        None => deed.note(by, "upsert_plan", name, &details, plan.change()).await,
    }
}

pub(super) async fn set_tenant_plan(
    deed: &WriteTransaction<'_>,
    slug: &Slug,
    plan: &PlanName,
    by: &Actor,
) -> Answer<Tenant> {
    let tenant = tenants::postgres::by_slug_locked(deed, slug).await?;
    assign(deed, tenant, plan, by).await
}

pub(super) async fn set_tenant_limits(
    deed: &WriteTransaction<'_>,
    slug: &Slug,
    limits: Limits,
    by: &Actor,
) -> Answer<Tenant> {
    let tenant = tenants::postgres::by_slug_locked(deed, slug).await?;
    let own = Plan::own(&tenant.id, limits);
    upsert(deed, &own, by).await?;
    if tenant.plan == own.name { Ok(tenant) } else { assign(deed, tenant, &own.name, by).await }
}

/// Fails with [`ControlError::NotFound`](crate::ControlError::NotFound) when no plan has that name.
pub(crate) async fn require(deed: &WriteTransaction<'_>, name: &PlanName) -> Answer<()> {
    let one = deed.tx().prepare_cached("SELECT 1 FROM plans WHERE name = $1").await?;
    let found = deed.tx().query_opt(&one, &[&name.as_str()]).await?;
    if found.is_some() { Ok(()) } else { Err(unknown(name).into()) }
}

pub(crate) fn limits(row: &Row) -> Answer<Limits> {
    parsed(row, "limits", serde_json::from_value)
}

async fn assign(deed: &WriteTransaction<'_>, tenant: Tenant, plan: &PlanName, by: &Actor) -> Answer<Tenant> {
    require(deed, plan).await?;
    let update = deed.tx().prepare_cached("UPDATE tenants SET plan = $2 WHERE id = $1").await?;
    deed.tx().execute(&update, &[&tenant.id.as_str(), &plan.as_str()]).await?;
    let details = assignment(&tenant.plan, plan);
    let change = Some(changed(&tenant));
    deed.note_for(&tenant.id, by, "set_tenant_plan", tenant.id.as_str(), &details, change).await?;
    Ok(Tenant { plan: plan.clone(), ..tenant })
}

fn plan(row: &Row) -> Answer<Plan> {
    Ok(Plan { name: PlanName::new(row.try_get("name")?), limits: limits(row)? })
}
