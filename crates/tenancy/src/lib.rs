//! The words of tenancy, without I/O: who is asking, what they may do, and what it counts.

mod identity;
mod limits;
mod operation;
mod role;
mod scope;
mod tenant;
mod usage;
mod words;

pub use identity::{InvalidIdentity, RequestId, Slug, TenantId, WorkspaceName};
pub use limits::{Limits, PlanName, RateLimit, Rates};
pub use operation::{Operation, RateClass};
pub use role::Role;
pub use scope::{InvalidScope, Scope, Scopes};
pub use tenant::{Environment, Tenant, TenantKind, TenantStatus};
pub use usage::{Counters, NodeHour, UsageEvent, UsageSum, Work, hour_start};
