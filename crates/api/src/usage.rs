//! What a tenant used and what it may use.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Usage by day, and the limits it is held against.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// UTC days with usage, oldest first; today includes what is not in the ledger yet.
    pub items: Vec<UsageDay>,
    /// The plan's limits; `null` is no limit.
    pub limits: UsageLimits,
}

/// One UTC day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageDay {
    /// The day.
    #[schema(example = "2026-11-24")]
    pub day: String,
    /// Requests that are charged.
    pub api_calls: u64,
    /// Searches.
    pub search_queries: u64,
    /// Memories stored.
    pub memories_created: u64,
    /// Bytes added, less bytes given back.
    pub storage_bytes: i64,
}

/// What tenants used, by tenant and day; for operators.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UsageReport {
    /// The first day asked for.
    pub from: String,
    /// The last day asked for.
    pub to: String,
    /// Days with usage, tenant by tenant in the order of their creation, oldest day first.
    pub items: Vec<TenantUsageDay>,
    /// The cursor of the next page of tenants; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// One UTC day of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantUsageDay {
    /// The tenant's id.
    pub tenant_id: String,
    /// The tenant's slug.
    pub tenant: String,
    /// What it used.
    #[serde(flatten)]
    pub usage: UsageDay,
}

/// What a plan allows; `null` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageLimits {
    /// Memories stored at one time.
    pub memories: Option<u64>,
    /// Workspaces at one time.
    pub workspaces: Option<u64>,
    /// Bytes stored at one time.
    pub storage_bytes: Option<u64>,
    /// API calls in one UTC day.
    pub api_calls_per_day: Option<u64>,
    /// Rates of requests.
    pub rates: RateLimits,
}

/// Rates of requests by class; `null` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RateLimits {
    /// Look-ups.
    pub read: Option<TokenBucket>,
    /// Everything that commits.
    pub write: Option<TokenBucket>,
    /// Searches.
    pub search: Option<TokenBucket>,
}

/// A token bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenBucket {
    /// Requests a second in the long run.
    #[schema(minimum = 1)]
    pub per_second: u32,
    /// Requests at once after a pause.
    #[schema(minimum = 1)]
    pub burst: u32,
}
