//! What the service is busy with, and what an operator narrows, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one process is busy with, and what is narrowed in it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Load {
    /// Requests at work.
    pub in_flight: usize,
    /// Requests that may be at work at once.
    pub in_flight_max: usize,
    /// Classes of requests that are turned away: `read`, `write`, `search`.
    pub shed: Vec<String>,
    /// Requests one tenant may have at work at once.
    pub at_work_per_tenant_max: usize,
    /// Tenants with a bound of their own.
    pub caps: Vec<TenantCap>,
    /// Routes of the last five to ten minutes, the slowest 95th percentile first.
    pub routes: Vec<RouteTime>,
}

/// A tenant's own bound.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantCap {
    /// Its slug.
    #[schema(example = "acme")]
    pub tenant: String,
    /// Requests it may have at work at once, and with them readers of its database.
    pub at_work_max: usize,
}

/// How long requests of one route took, without the time in the embedding provider; bounds within a factor of 1.5.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RouteTime {
    /// The route.
    #[schema(example = "/v1/search")]
    pub route: String,
    /// Requests.
    pub requests: u64,
    /// Half of them took at most this long.
    pub p50_ms: f64,
    /// 95 in 100.
    pub p95_ms: f64,
    /// 99 in 100.
    pub p99_ms: f64,
}

/// What to narrow or to widen again.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ChangeLoad {
    /// Classes to turn away (`true`) or to serve again (`false`); an absent one stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shed: Option<ShedClasses>,
    /// The tenant that `at_work_max` is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Requests that tenant may have at work at once; `null`: as many as the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_work_max: Option<u64>,
}

/// Classes of requests.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ShedClasses {
    /// Look-ups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<bool>,
    /// Everything that commits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<bool>,
    /// Searches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<bool>,
}
