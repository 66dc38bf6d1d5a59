//! Tenants on the wire, and what is left to do when one is deleted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
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
    /// `active` or `suspended`; `DELETE /tenants/{slug}` deletes.
    #[schema(pattern = "^(active|suspended)$")]
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
    /// The role of the person who asks; absent for keys and operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// A tenant and what it may use.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantDetails {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: Tenant,
    /// What its plan allows; `null` is no limit.
    pub limits: UsageLimits,
}

/// A page of tenants by slug.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantList {
    /// The tenants.
    pub items: Vec<Tenant>,
    /// The cursor of the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// The deletion of a tenant: its traffic has stopped, and what it stored is removed step by step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    /// The tenant's id, under which its deletion is found for ever.
    pub tenant_id: String,
    /// Its slug, which is free again.
    pub slug: String,
    /// `running` until nothing is left to remove, then `finished`.
    #[schema(pattern = "^(running|finished)$")]
    pub status: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// Who asked for it, as the audit log names them.
    pub requested_by: String,
    /// The receipt: what each finished step removed.
    pub steps: Map<String, Value>,
    /// Tries that failed so far; the next one follows by itself.
    pub attempts: u64,
    /// What the last failed try stumbled over.
    pub last_error: Option<String>,
    /// When nothing was left to remove.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}
