//! What a tenant used and what it may use.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Usage by day or hour, and the limits it is held against.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// UTC days (or hours) with usage, oldest first, corrections of days included; what is not in the ledger yet
    /// is included too.
    pub items: Vec<UsageDay>,
    /// Corrections of these days, by day and time.
    pub adjustments: Vec<UsageAdjustment>,
    /// The plan's limits; `null` is no limit.
    pub limits: UsageLimits,
    /// How much is used of them at this moment.
    #[serde(default)]
    pub current: UsageNow,
    /// Whether the service rehearses: new usage is measured and not kept.
    pub dry_run: bool,
    /// Whether the tenant is billed; test tenants never are.
    pub billed: bool,
}

/// What the plan's limits are held against, as it is now. `null`: the tenant's store does not open at the moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageNow {
    /// Memories stored, those included that have expired and are not purged yet.
    pub memories: Option<u64>,
    /// Workspaces that hold a memory.
    pub workspaces: Option<u64>,
    /// Bytes of the database file that are in use.
    pub storage_bytes: Option<u64>,
    /// API calls of this UTC day that are charged.
    pub api_calls_today: u64,
}

/// A correction of a tenant's day: a row beside what was counted, which is never edited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageAdjustment {
    /// The id under which it was asked for.
    pub id: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The UTC day it corrects.
    pub day: String,
    /// Added to the day's charged requests, or taken away.
    pub api_calls: i64,
    /// The same for searches.
    pub search_queries: i64,
    /// The same for memories stored.
    pub memories_created: i64,
    /// The same for bytes stored.
    pub storage_bytes: i64,
    /// Why.
    pub reason: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A correction that an operator asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdjustUsage {
    /// The caller's own id: sent twice, it corrects once.
    pub id: String,
    /// The tenant's slug.
    pub tenant: String,
    /// The UTC day to correct.
    pub day: String,
    /// Adds to the day's charged requests, or takes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_calls: Option<i64>,
    /// The same for searches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_queries: Option<i64>,
    /// The same for memories stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memories_created: Option<i64>,
    /// The same for bytes stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<i64>,
    /// Why; the tenant can read it.
    pub reason: String,
}

/// A page of single usage events, for operators.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UsageEventList {
    /// In the order of their times and ids.
    pub items: Vec<UsageEvent>,
    /// The cursor of the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// One request on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageEvent {
    /// The `X-Request-Id` of its answer; the key under which it counts once.
    pub request_id: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The tenant's slug; absent for a tenant that this control plane does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Whether the tenant is billed; test tenants never are.
    pub billed: bool,
    /// The workspace the request named, if it named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// What was done.
    pub route: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// 1 if it is charged.
    pub api_calls: u64,
    /// 1 for a search.
    pub search_queries: u64,
    /// Memories stored.
    pub memories_created: u64,
    /// Bytes added, less bytes given back.
    pub storage_bytes: i64,
    /// When it was answered; the day it counts on.
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
}

/// Whether what was served is what the ledger holds, for operators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageReconciliation {
    /// Events that are on one side only; 0 when all is well.
    pub drift: u64,
    /// Days of tenants whose sum is not that of their hours.
    pub days_differing: u64,
    /// Hours with usage, oldest first.
    pub items: Vec<ReconciledHour>,
}

/// One UTC hour of all nodes and of the ledger, in events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReconciledHour {
    /// The hour's first instant.
    #[schema(value_type = String, format = DateTime)]
    pub hour: Timestamp,
    /// `agrees`, `waiting` (events are on their way), `unreported` (a node has not told yet) or `drift`.
    pub verdict: String,
    /// Nodes that told of the hour.
    pub nodes: u64,
    /// Requests that they answered.
    pub served: u64,
    /// Of them, those whose events the ledger confirmed.
    pub sent: u64,
    /// Single events in the ledger.
    pub ledger: u64,
    /// Requests in the ledger's hourly sums.
    pub rolled_up: u64,
}

/// One UTC day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageDay {
    /// The day.
    #[schema(example = "2026-11-24")]
    pub day: String,
    /// The hour's first instant, when hours were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub hour: Option<Timestamp>,
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
    /// Workspaces that hold a memory, at one time.
    pub workspaces: Option<u64>,
    /// Bytes of the database file in use at one time.
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
