//! Plans: named sets of limits, and limits of one tenant alone.

use control::Actor;
use gateway::OperatorPass;
use tenancy::PlanName;

use super::tenant_named;
use crate::app::App;
use crate::decode::{PlanInput, PlanTarget};
use crate::operations::Failure;
use crate::operations::shape::limits_to_wire;

/// Every plan.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_plans(app: &App, _: &OperatorPass) -> Result<api::PlanList, Failure> {
    let plans = app.control.list_plans().await?.into_iter();
    let plan = |plan: control::Plan| api::Plan {
        name: plan.name.as_str().to_owned(),
        limits: limits_to_wire(&plan.limits),
    };
    Ok(api::PlanList { items: plans.map(plan).collect() })
}

/// Changes the limits of a plan, or of one tenant alone; running gateways follow at once.
///
/// # Errors
/// [`Failure::Control`].
pub async fn set_plan(app: &App, by: &OperatorPass, input: PlanInput) -> Result<api::Plan, Failure> {
    let actor: Actor = by.actor();
    let (name, limits) = match &input.target {
        PlanTarget::Plan(name) => {
            let name = PlanName::new(name);
            let old = app.control.plan(&name).await?.map(|plan| plan.limits).unwrap_or_default();
            let limits = input.onto(old);
            let plan = app.control.upsert_plan(control::Plan { name, limits }, &actor).await?;
            (plan.name, limits)
        }
        PlanTarget::Tenant(slug) => {
            let tenant = tenant_named(app, slug).await?;
            let old = app
                .control
                .tenant_with_limits(&tenant.id)
                .await?
                .map(|found| found.limits)
                .unwrap_or_default();
            let limits = input.onto(old);
            (app.control.set_tenant_limits(slug, limits, &actor).await?.plan, limits)
        }
    };
    Ok(api::Plan { name: name.as_str().to_owned(), limits: limits_to_wire(&limits) })
}
