//! The audit log on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One change of state: who, what, when, from where.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// Its place in the log; later is larger.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    /// Who: `user:<id>`, `key:<id>`, `local` (this machine) or `system`.
    pub actor: String,
    /// The address it came from, if it came over a network.
    pub origin: Option<String>,
    /// What, such as `create_tenant`.
    pub action: String,
    /// What was changed: an id or a name.
    pub target: String,
    /// The id of the tenant it belongs to, if it belongs to one.
    pub tenant_id: Option<String>,
    /// What it was changed to.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditLog {
    /// The changes.
    pub items: Vec<AuditRecord>,
    /// The cursor of the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}
