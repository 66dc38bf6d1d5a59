//! Every scenario: what each connection asks, and how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use serde_json::json;

use super::connection::Call;
use crate::bench::texts::Texts;

/// Rows of one batch.
pub(in crate::bench) const BATCH_ROWS: u64 = 100;
/// Searches differ by the memory they ask about; a stride keeps neighbours apart.
const QUERY_STRIDE: u64 = 7_919;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// POST /v1/memories, 16 connections.
    Create,
    /// POST /v1/memories/batch of 100, 4 connections.
    Batch,
    /// GET /v1/memories/{id}, 8 connections.
    Get,
    /// POST /v1/search, 1 connection, then 8.
    Search,
    /// The same with a filter that keeps 1 %.
    Filtered,
    /// 70 % searches, 20 % gets, 10 % creates, 8 connections.
    Mixed,
    /// GET /health while 8 connections search.
    Health,
}

/// Makes the calls of scenarios; shared by all connections.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Calls {
    pub(in crate::bench) texts: Arc<Texts>,
    /// The number of the next memory to make up.
    pub(in crate::bench) next_memory: Arc<AtomicU64>,
    /// Memories there are to get and to ask about.
    pub(in crate::bench) stored: u64,
}

impl Scenario {
    /// Connections unless said.
    pub(in crate::bench) fn connections(self) -> &'static [usize] {
        match self {
            Self::Create => &[16],
            Self::Batch => &[4],
            Self::Get | Self::Mixed | Self::Health => &[8],
            Self::Search | Self::Filtered => &[1, 8],
        }
    }

    /// Rows of the report, in the order of the kinds of calls.
    pub(in crate::bench) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["create"],
            Self::Batch => &["batch of 100"],
            Self::Get => &["get"],
            Self::Search => &["search"],
            Self::Filtered => &["search, filtered"],
            Self::Mixed => &["mixed: search", "mixed: get", "mixed: create"],
            Self::Health => &["search, with health"],
        }
    }

    /// Memories that one call of this scenario stores.
    pub(in crate::bench) fn rows_per_call(self) -> u64 {
        match self {
            Self::Batch => BATCH_ROWS,
            Self::Create | Self::Get | Self::Search | Self::Filtered | Self::Mixed | Self::Health => 1,
        }
    }

    /// The call that a connection makes in its n-th turn.
    pub(in crate::bench) fn call(self, calls: &Calls, connection: u64, turn: u64) -> Call {
        // Connections start at different places and walk the same way.
        let step = connection * 100_003 + turn;
        match self {
            Self::Create => calls.create(0),
            Self::Batch => calls.batch(0, BATCH_ROWS),
            Self::Get => calls.get(0, step),
            Self::Search | Self::Health => calls.search(0, step),
            Self::Filtered => calls.filtered(0, step),
            Self::Mixed => match turn % 10 {
                0 => calls.create(2),
                1 | 5 => calls.get(1, step),
                _ => calls.search(0, step),
            },
        }
    }
}

impl Calls {
    /// A batch of new memories.
    pub(in crate::bench) fn batch(&self, kind: usize, rows: u64) -> Call {
        let first = self.next_memory.fetch_add(rows, Ordering::Relaxed);
        let memories: Vec<_> = (first..first + rows).map(|number| self.texts.memory(number)).collect();
        Call::post(kind, "/v1/memories/batch", &json!({"memories": memories}))
    }

    fn create(&self, kind: usize) -> Call {
        let number = self.next_memory.fetch_add(1, Ordering::Relaxed);
        Call::post(kind, "/v1/memories", &self.texts.memory(number))
    }

    fn get(&self, kind: usize, step: u64) -> Call {
        let id = 1 + step * QUERY_STRIDE % self.stored.max(1);
        Call::get(kind, format!("/v1/memories/{id}"))
    }

    fn search(&self, kind: usize, step: u64) -> Call {
        Call::post(kind, "/v1/search", &json!({"query": self.query(step), "limit": 10}))
    }

    fn filtered(&self, kind: usize, step: u64) -> Call {
        let asked = json!({"query": self.query(step), "filters": self.texts.filter(step), "limit": 10});
        Call::post(kind, "/v1/search", &asked)
    }

    fn query(&self, step: u64) -> String {
        self.texts.query(step * QUERY_STRIDE % self.stored.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_call_has_a_row() {
        let calls = Calls { texts: Arc::new(Texts::new(1)), next_memory: Arc::default(), stored: 100 };
        for scenario in Scenario::value_variants() {
            for turn in 0..20 {
                assert!(scenario.call(&calls, 3, turn).kind < scenario.kinds().len(), "{scenario:?}");
            }
        }
    }
}
