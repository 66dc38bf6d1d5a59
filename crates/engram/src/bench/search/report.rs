//! What a run found, as JSON for machines; people get a table of the same numbers.

use std::time::Duration;

use serde::Serialize;

/// Every number of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// What the texts were made from.
    pub(crate) seed: u64,
    /// Searches of each row.
    pub(crate) searches: usize,
    pub(crate) rows: Vec<Row>,
}

/// One way to search a store of one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) memories: u64,
    /// `search` or `BM25`.
    pub(crate) ranking: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// Resident memory of the process after these searches.
    pub(crate) resident_mib: Option<f64>,
}

impl Row {
    pub(super) fn new(
        (memories, ranking, filter): (u64, &'static str, &'static str),
        latencies: &mut [Duration],
        resident_mib: Option<f64>,
    ) -> Self {
        latencies.sort_unstable();
        let percentile = |share: f64| {
            let rank = (latencies.len() as f64 * share).ceil() as usize;
            latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        Self {
            memories,
            ranking,
            filter,
            p50_ms: percentile(0.5),
            p95_ms: percentile(0.95),
            p99_ms: percentile(0.99),
            max_ms: percentile(1.0),
            resident_mib,
        }
    }
}
