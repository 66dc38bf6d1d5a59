//! Plans on the wire: named sets of limits; for operators.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::UsageLimits;

/// A named set of limits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Its name.
    #[schema(example = "free")]
    pub name: String,
    /// What it allows; `null` is no limit.
    pub limits: UsageLimits,
}

/// Limits to give a plan, or one tenant alone.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct SetPlan {
    /// The plan to make or change; or else `tenant`.
    pub name: Option<String>,
    /// The tenant that gets limits of its own; or else `name`.
    pub tenant: Option<String>,
    /// The limits that change: an absent one stays as it is, `null` is no limit.
    pub limits: UsageLimits,
}

/// Every plan, by name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanList {
    /// The plans.
    pub items: Vec<Plan>,
}
