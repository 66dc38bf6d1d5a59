//! How much a tenant may use: rates of requests and amounts of stored things.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::RateClass;

/// The name of a plan, such as `free`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanName(Arc<str>);

impl PlanName {
    /// Wraps a plan's name as the control plane knows it.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A token bucket: `per_second` tokens flow in, at most `burst` are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests a second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

/// A limit for each rate class; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Limit of [`RateClass::Read`].
    pub read: Option<RateLimit>,
    /// Limit of [`RateClass::Write`].
    pub write: Option<RateLimit>,
    /// Limit of [`RateClass::Search`].
    pub search: Option<RateLimit>,
}

impl Rates {
    /// The limit of one class.
    pub fn of(&self, class: RateClass) -> Option<RateLimit> {
        match class {
            RateClass::Read => self.read,
            RateClass::Write => self.write,
            RateClass::Search => self.search,
        }
    }
}

/// What a plan allows; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Rates of requests.
    pub rates: Rates,
    /// Memories stored at one time.
    pub memories: Option<u64>,
    /// Workspaces at one time.
    pub workspaces: Option<u64>,
    /// Bytes of the tenant's database file.
    pub storage_bytes: Option<u64>,
    /// API calls in one UTC day.
    pub api_calls_per_day: Option<u64>,
}
