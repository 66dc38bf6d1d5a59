//! Plans: named sets of limits. A tenant has exactly one.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use serde_json::{Value, json};
use tenancy::{Limits, PlanName, Slug, Tenant, TenantId};

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Change, Control, ControlError};

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
        match &self.backend {
            Backend::Sqlite(database) => {
                let name = name.clone();
                database.read(move |reader| sqlite::find(reader, &name)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::find(reader, name))
            }
        }
    }

    /// Every plan, by name.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_plans(&self) -> Result<Vec<Plan>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::list).await,
            Backend::Postgres(database) => ask!(database, |reader| postgres::list(reader)),
        }
    }

    /// Creates a plan or replaces its limits; running gateways follow at once.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] when the name is blank, too long or that of a tenant's own plan;
    /// [`ControlError::Unavailable`].
    pub async fn upsert_plan(&self, plan: Plan, by: &Actor) -> Result<Plan, ControlError> {
        plan.check()?;
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                database.write(move |deed| sqlite::upsert(deed, &plan, &by).map(|()| plan)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::upsert(deed, &plan, by))?;
                Ok(plan)
            }
        }
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
        match &self.backend {
            Backend::Sqlite(database) => {
                let (slug, plan, by) = (slug.clone(), plan.clone(), by.clone());
                database.write(move |deed| sqlite::set_tenant_plan(deed, &slug, &plan, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::set_tenant_plan(deed, slug, plan, by))
            }
        }
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
        match &self.backend {
            Backend::Sqlite(database) => {
                let (slug, by) = (slug.clone(), by.clone());
                database.write(move |deed| sqlite::set_tenant_limits(deed, &slug, limits, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::set_tenant_limits(deed, slug, limits, by))
            }
        }
    }
}

impl Plan {
    fn check(&self) -> Result<(), ControlError> {
        let length = self.name.as_str().trim().len();
        let plain = !self.name.as_str().contains(char::is_control);
        if (1..=PLAN_NAME_LENGTH_MAX).contains(&length)
            && plain
            && !self.name.as_str().starts_with(OWN_PLAN_PREFIX)
        {
            return Ok(());
        }
        Err(ControlError::Invalid(format!(
            "a plan's name has 1-{PLAN_NAME_LENGTH_MAX} printable characters and does not start with {OWN_PLAN_PREFIX:?}"
        )))
    }

    /// The plan of one tenant alone.
    fn own(tenant: &TenantId, limits: Limits) -> Self {
        Self { name: PlanName::new(&format!("{OWN_PLAN_PREFIX}{tenant}")), limits }
    }

    /// The tenant whose own plan it is.
    fn owner(&self) -> Option<TenantId> {
        TenantId::parse(self.name.as_str().strip_prefix(OWN_PLAN_PREFIX)?).ok()
    }

    fn limits_as_json(&self) -> Result<Value, ControlError> {
        serde_json::to_value(self.limits).map_err(|error| ControlError::Invalid(error.to_string()))
    }

    fn change(&self) -> Change {
        Change::Plan { name: self.name.clone() }
    }
}

fn assignment(from: &PlanName, to: &PlanName) -> Value {
    json!({ "from": from.as_str(), "to": to.as_str() })
}

fn unknown(name: &PlanName) -> ControlError {
    ControlError::NotFound { what: "plan", name: name.as_str().to_owned() }
}
