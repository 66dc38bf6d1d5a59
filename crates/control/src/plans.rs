//! Plans: named sets of limits. A tenant has exactly one.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;
use tenancy::{Limits, PlanName, Slug, Tenant};

use crate::database::WriteTransaction;
use crate::rows::parsed;
use crate::{Actor, Change, Control, ControlError, tenants};

/// Longest name of a plan.
const PLAN_NAME_LENGTH_MAX: usize = 64;
/// Plans of one tenant alone; nobody else may be put on one by name.
const OWN_PLAN_PREFIX: &str = "tenant:";

/// A named set of limits. `free` and `unlimited` exist from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The plan's name.
    pub name: PlanName,
    /// What it allows.
    pub limits: Limits,
}

impl Control {
    /// One plan.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn plan(&self, name: &PlanName) -> Result<Option<Plan>, ControlError> {
        let name = name.clone();
        self.read(move |reader| {
            Ok(reader
                .prepare_cached("SELECT name, limits FROM plans WHERE name = ?1")?
                .query_row([name.as_str()], plan)
                .optional()?)
        })
        .await
    }

    /// Every plan, by name.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_plans(&self) -> Result<Vec<Plan>, ControlError> {
        self.read(|reader| {
            let mut all = reader.prepare_cached("SELECT name, limits FROM plans ORDER BY name")?;
            let plans = all.query_map([], plan)?.collect::<rusqlite::Result<_>>()?;
            Ok(plans)
        })
        .await
    }

    /// Creates a plan or replaces its limits; running gateways follow at once.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] when the name is blank, too long or that of a tenant's own plan;
    /// [`ControlError::Unavailable`].
    pub async fn upsert_plan(&self, plan: Plan, by: &Actor) -> Result<Plan, ControlError> {
        let length = plan.name.as_str().trim().len();
        if !(1..=PLAN_NAME_LENGTH_MAX).contains(&length) || plan.name.as_str().starts_with(OWN_PLAN_PREFIX) {
            return Err(ControlError::Invalid(format!(
                "a plan's name has 1-{PLAN_NAME_LENGTH_MAX} characters and does not start with {OWN_PLAN_PREFIX:?}"
            )));
        }
        let by = by.clone();
        self.write(move |deed| {
            upsert(deed, &plan, &by)?;
            Ok(plan)
        })
        .await
    }

    /// Puts a tenant on another plan.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown tenant or plan; [`ControlError::Unavailable`].
    pub async fn set_tenant_plan(
        &self,
        slug: &Slug,
        plan: &PlanName,
        by: &Actor,
    ) -> Result<Tenant, ControlError> {
        let (slug, plan, by) = (slug.clone(), plan.clone(), by.clone());
        self.write(move |deed| {
            let tenant = tenants::by_slug(deed.tx(), &slug)?;
            assign(deed, tenant, plan, &by)
        })
        .await
    }

    /// Gives one tenant limits of its own: a plan that nobody else is on.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown tenant; [`ControlError::Unavailable`].
    pub async fn set_tenant_limits(
        &self,
        slug: &Slug,
        limits: Limits,
        by: &Actor,
    ) -> Result<Tenant, ControlError> {
        let (slug, by) = (slug.clone(), by.clone());
        self.write(move |deed| {
            let tenant = tenants::by_slug(deed.tx(), &slug)?;
            let name = PlanName::new(&format!("{OWN_PLAN_PREFIX}{}", tenant.id));
            upsert(deed, &Plan { name: name.clone(), limits }, &by)?;
            if tenant.plan == name { Ok(tenant) } else { assign(deed, tenant, name, &by) }
        })
        .await
    }
}

/// Fails with [`ControlError::NotFound`] when no plan has that name.
pub(crate) fn require(deed: &WriteTransaction<'_>, name: &PlanName) -> Result<(), ControlError> {
    let known: bool = deed
        .tx()
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM plans WHERE name = ?1)")?
        .query_row([name.as_str()], |row| row.get(0))?;
    if known { Ok(()) } else { Err(ControlError::NotFound { what: "plan", name: name.as_str().to_owned() }) }
}

pub(crate) fn limits(row: &Row<'_>) -> rusqlite::Result<Limits> {
    parsed(row, "limits", |text: String| serde_json::from_str(&text))
}

fn plan(row: &Row<'_>) -> rusqlite::Result<Plan> {
    let name: String = row.get("name")?;
    Ok(Plan { name: PlanName::new(&name), limits: limits(row)? })
}

fn upsert(deed: &WriteTransaction<'_>, plan: &Plan, by: &Actor) -> Result<(), ControlError> {
    let limits =
        serde_json::to_value(plan.limits).map_err(|error| ControlError::Invalid(error.to_string()))?;
    deed.tx()
        .prepare_cached(
            "INSERT INTO plans (name, limits, updated_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET limits = excluded.limits, updated_at = excluded.updated_at",
        )?
        .execute(params![plan.name.as_str(), limits.to_string(), deed.now().as_millisecond()])?;
    let change = Change::Plan { name: plan.name.clone() };
    deed.note(by, "upsert_plan", plan.name.as_str(), &json!({ "limits": limits }), change)
}

fn assign(
    deed: &WriteTransaction<'_>,
    tenant: Tenant,
    plan: PlanName,
    by: &Actor,
) -> Result<Tenant, ControlError> {
    require(deed, &plan)?;
    deed.tx()
        .prepare_cached("UPDATE tenants SET plan = ?2 WHERE id = ?1")?
        .execute(params![tenant.id.as_str(), plan.as_str()])?;
    let change = Change::Tenant { id: tenant.id.clone(), slug: tenant.slug.clone() };
    let details = json!({ "from": tenant.plan.as_str(), "to": plan.as_str() });
    deed.note_for(&tenant.id, by, "set_tenant_plan", tenant.id.as_str(), &details, Some(change))?;
    Ok(Tenant { plan, ..tenant })
}
