//! What a run found, as JSON for machines; people get a table of the same numbers.

use std::time::Duration;

use engine::StageTimes;
use serde::Serialize;

/// Every number of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// What the texts were made from.
    pub(crate) seed: u64,
    /// Searches of each row.
    pub(crate) searches: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) stores: Vec<StoreRow>,
}

/// What a store of one size takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StoreRow {
    pub(crate) memories: u64,
    /// The file, with all indexes, by the memories in it.
    pub(crate) bytes_per_memory: f64,
    /// The first search, which reads the index from the file.
    pub(crate) first_search_ms: f64,
    /// What the process grew by from opening the store to the end of the searches.
    pub(crate) grown_mib: Option<f64>,
    /// What of that is left once the store has let go of its memory.
    pub(crate) left_mib: Option<f64>,
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
    /// Medians of the stages within the search.
    pub(crate) gather_p50_ms: f64,
    pub(crate) rank_p50_ms: f64,
    pub(crate) fill_p50_ms: f64,
    /// Resident memory of the process after these searches.
    pub(crate) resident_mib: Option<f64>,
}

impl Row {
    pub(super) fn new(
        (memories, ranking, filter): (u64, &'static str, &'static str),
        taken: &[(Duration, StageTimes)],
        resident_mib: Option<f64>,
    ) -> Self {
        let sorted = |of: fn(&(Duration, StageTimes)) -> Duration| {
            let mut times: Vec<Duration> = taken.iter().map(of).collect();
            times.sort_unstable();
            times
        };
        let latencies = sorted(|(latency, _)| *latency);
        let percentile = |share: f64| ms_at(&latencies, share);
        let stage_p50 = |of| ms_at(&sorted(of), 0.5);
        Self {
            memories,
            ranking,
            filter,
            p50_ms: percentile(0.5),
            p95_ms: percentile(0.95),
            p99_ms: percentile(0.99),
            max_ms: percentile(1.0),
            gather_p50_ms: stage_p50(|(_, stages)| stages.gather),
            rank_p50_ms: stage_p50(|(_, stages)| stages.rank),
            fill_p50_ms: stage_p50(|(_, stages)| stages.fill),
            resident_mib,
        }
    }
}

/// The duration that this share of the sorted ones does not exceed.
fn ms_at(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default().as_secs_f64() * 1e3
}
