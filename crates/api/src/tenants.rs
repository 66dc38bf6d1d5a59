//! Tenants and plans on the wire; for operators.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::UsageLimits;

/// A tenant to create.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CreateTenant {
    /// Its name in hosts and headers: one DNS label.
    #[schema(example = "acme", pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    pub slug: String,
    /// The name people read; the slug unless said.
    pub name: Option<String>,
    /// `live` unless said, or `test`, which is never billed.
    #[schema(pattern = "^(live|test)$")]
    pub kind: Option<String>,
    /// The plan; the installation's usual one unless said.
    pub plan: Option<String>,
}

/// A change of a tenant.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct UpdateTenant {
    /// `active`, `suspended` or `deleted` (for ever, with all it stored).
    #[schema(pattern = "^(active|suspended|deleted)$")]
    pub status: Option<String>,
    /// Another plan.
    pub plan: Option<String>,
}

/// One tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its id, for ever.
    pub id: String,
    /// Its name in hosts and headers.
    pub slug: String,
    /// The name people read.
    pub name: String,
    /// `active`, `suspended` or `deleted`.
    pub status: String,
    /// `live` or `test`.
    pub kind: String,
    /// The plan whose limits apply.
    pub plan: String,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// Tenants by slug.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantList {
    /// The tenants.
    pub items: Vec<Tenant>,
}

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
