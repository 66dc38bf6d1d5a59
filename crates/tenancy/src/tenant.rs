//! A tenant as the control plane knows it, and the environment a service runs in.

use jiff::Timestamp;

use crate::words::words;
use crate::{PlanName, Slug, TenantId};

words! {
    /// Whether a tenant is served.
    TenantStatus {
        /// Served.
        Active = "active",
        /// Known, kept, and refused with 403 until resumed.
        Suspended = "suspended",
        /// Refused as if it had never been; its data is on the way out.
        Deleted = "deleted",
    }
}

words! {
    /// Whether a tenant is billed.
    TenantKind {
        /// Billed; its keys start with `eng_live_`.
        Live = "live",
        /// Never billed; its keys start with `eng_test_`.
        Test = "test",
    }
}

words! {
    /// The kind of installation, which decides the defaults and what is refused.
    Environment {
        /// A laptop: embedded parts, nothing enforced unless asked for.
        Dev = "dev",
        /// A rehearsal of prod: limits measured and reported, not refused.
        Staging = "staging",
        /// The real thing: unsafe settings refuse to start.
        Prod = "prod",
    }
}

/// One customer: an id that never changes, a slug people use, a plan, a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The id, for ever.
    pub id: TenantId,
    /// The name in hosts and headers.
    pub slug: Slug,
    /// The name people read.
    pub name: String,
    /// Whether it is served.
    pub status: TenantStatus,
    /// Whether it is billed.
    pub kind: TenantKind,
    /// The plan whose limits apply.
    pub plan: PlanName,
    /// When it was created.
    pub created_at: Timestamp,
}
