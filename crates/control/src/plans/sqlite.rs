//! Plans in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tenancy::{Limits, PlanName, Slug, Tenant};

use super::{Plan, assignment, unknown};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::parsed;
use crate::tenants::changed;
use crate::{Actor, ControlError, tenants};

pub(super) fn find(reader: &Connection, name: &PlanName) -> Result<Option<Plan>, ControlError> {
    Ok(reader
        .prepare_cached("SELECT name, limits FROM plans WHERE name = ?1")?
        .query_row([name.as_str()], plan)
        .optional()?)
}

pub(super) fn list(reader: &Connection) -> Result<Vec<Plan>, ControlError> {
    let mut all = reader.prepare_cached("SELECT name, limits FROM plans ORDER BY name")?;
    let plans = all.query_map([], plan)?.collect::<rusqlite::Result<_>>()?;
    Ok(plans)
}

pub(super) fn upsert(deed: &WriteTransaction<'_>, plan: &Plan, by: &Actor) -> Result<(), ControlError> {
    let limits = plan.limits_as_json()?;
    deed.tx()
        .prepare_cached(
            "INSERT INTO plans (name, limits, updated_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET limits = excluded.limits, updated_at = excluded.updated_at",
        )?
        .execute(params![plan.name.as_str(), limits.to_string(), deed.now().as_millisecond()])?;
    let (name, details) = (plan.name.as_str(), json!({ "limits": limits }));
    match plan.owner() {
        Some(tenant) => deed.note_for(&tenant, by, "upsert_plan", name, &details, Some(plan.change())),
        None => deed.note(by, "upsert_plan", name, &details, plan.change()),
    }
}

pub(super) fn set_tenant_plan(
    deed: &WriteTransaction<'_>,
    slug: &Slug,
    plan: &PlanName,
    by: &Actor,
) -> Result<Tenant, ControlError> {
    let tenant = tenants::sqlite::by_slug(deed.tx(), slug)?;
    assign(deed, tenant, plan, by)
}

pub(super) fn set_tenant_limits(
    deed: &WriteTransaction<'_>,
    slug: &Slug,
    limits: Limits,
    by: &Actor,
) -> Result<Tenant, ControlError> {
    let tenant = tenants::sqlite::by_slug(deed.tx(), slug)?;
    let own = Plan::own(&tenant.id, limits);
    upsert(deed, &own, by)?;
    if tenant.plan == own.name { Ok(tenant) } else { assign(deed, tenant, &own.name, by) }
}

/// Fails with [`ControlError::NotFound`] when no plan has that name.
pub(crate) fn require(deed: &WriteTransaction<'_>, name: &PlanName) -> Result<(), ControlError> {
    let known: bool = deed
        .tx()
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM plans WHERE name = ?1)")?
        .query_row([name.as_str()], |row| row.get(0))?;
    if known { Ok(()) } else { Err(unknown(name)) }
}

pub(crate) fn limits(row: &Row<'_>) -> rusqlite::Result<Limits> {
    parsed(row, "limits", |text: String| serde_json::from_str(&text))
}

fn assign(
    deed: &WriteTransaction<'_>,
    tenant: Tenant,
    plan: &PlanName,
    by: &Actor,
) -> Result<Tenant, ControlError> {
    require(deed, plan)?;
    deed.tx()
        .prepare_cached("UPDATE tenants SET plan = ?2 WHERE id = ?1")?
        .execute(params![tenant.id.as_str(), plan.as_str()])?;
    let details = assignment(&tenant.plan, plan);
    deed.note_for(&tenant.id, by, "set_tenant_plan", tenant.id.as_str(), &details, Some(changed(&tenant)))?;
    Ok(Tenant { plan: plan.clone(), ..tenant })
}

fn plan(row: &Row<'_>) -> rusqlite::Result<Plan> {
    let name: String = row.get("name")?;
    Ok(Plan { name: PlanName::new(&name), limits: limits(row)? })
}
