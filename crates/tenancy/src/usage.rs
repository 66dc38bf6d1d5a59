//! What is counted: the work of one request, and the event that carries it to the ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{RequestId, TenantId};

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
