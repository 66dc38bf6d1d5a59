//! What is counted: the work of one request, and the event that carries it to the ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{RequestId, TenantId};

const HOUR_MS: i64 = 3_600_000;

/// What an operation did, as the engine tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Rows that are new.
    pub memories_created: u64,
    /// Bytes of content and metadata added (or, negative, given back).
    pub storage_bytes_delta: i64,
}

/// What one request adds to a tenant's bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// 1 for each request that is charged.
    pub api_calls: u64,
    /// 1 for each search, over REST or MCP.
    pub search_queries: u64,
    /// Memories stored; a batch counts its rows.
    pub memories_created: u64,
    /// Bytes of content and metadata added, or given back.
    pub storage_bytes_delta: i64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.api_calls += other.api_calls;
        self.search_queries += other.search_queries;
        self.memories_created += other.memories_created;
        self.storage_bytes_delta += other.storage_bytes_delta;
    }
}

/// What several requests add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSum {
    /// Requests on record, charged or not.
    pub requests: u64,
    /// What they add to the bill.
    #[serde(flatten)]
    pub counters: Counters,
}

/// What one node served in one UTC hour, and what of it a ledger has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeHour {
    /// The hour's first instant.
    pub hour_start: Timestamp,
    /// Requests that were answered.
    pub served: UsageSum,
    /// Requests whose events a ledger confirmed; equal to `served` once nothing of the hour waits.
    pub sent: UsageSum,
}

/// One request of a known tenant, on its way to the ledger. `request_id` is its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageEvent {
    /// The request's id; the ledger holds each at most once.
    pub request_id: RequestId,
    /// Who is charged.
    pub tenant_id: TenantId,
    /// The workspace the request named, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The operation's name.
    pub route: String,
    /// The HTTP status that was answered.
    pub status: u16,
    /// What the request adds to the bill.
    pub counters: Counters,
    /// When the request was answered; the day it counts on.
    pub occurred_at: Timestamp,
}

impl UsageEvent {
    /// The first instant of the UTC hour the event counts in.
    pub fn hour_start(&self) -> Timestamp {
        hour_start(self.occurred_at)
    }
}

/// The first instant of the UTC hour that `at` lies in.
pub fn hour_start(at: Timestamp) -> Timestamp {
    let start_ms = at.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS;
    // Rounded down from a valid time; only the first hour of all time has no start.
    Timestamp::from_millisecond(start_ms).unwrap_or(Timestamp::MIN)
}

impl UsageSum {
    /// The sum of one event.
    pub fn of(event: &UsageEvent) -> Self {
        Self { requests: 1, counters: event.counters }
    }
}

impl std::ops::AddAssign for UsageSum {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.counters += other.counters;
    }
}

impl std::ops::SubAssign for UsageSum {
    /// Takes `other` away again; what would fall below nothing stays nothing.
    fn sub_assign(&mut self, other: Self) {
        let (mine, taken) = (&mut self.counters, other.counters);
        self.requests = self.requests.saturating_sub(other.requests);
        mine.api_calls = mine.api_calls.saturating_sub(taken.api_calls);
        mine.search_queries = mine.search_queries.saturating_sub(taken.search_queries);
        mine.memories_created = mine.memories_created.saturating_sub(taken.memories_created);
        mine.storage_bytes_delta -= taken.storage_bytes_delta;
    }
}
