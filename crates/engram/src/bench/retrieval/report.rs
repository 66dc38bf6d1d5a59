//! What a run found, as JSON for machines; people get a table of the same numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::corpus::Corpus;
use super::measures::{Measures, Tally};
use super::run::{Counted, Tallies};

/// Every number of a run; measures are percents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// The full search.
    #[serde(flatten)]
    pub(crate) hybrid: Ranked,
    /// Plain BM25 over the same stores.
    pub(crate) bm25: Ranked,
    /// The full search, judged by sessions; absent when the documents have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionLevel>,
    /// Time of one full search of ten hits, embedding included.
    pub(crate) latency_ms: Latency,
    /// What was measured on.
    pub(crate) corpus: Size,
}

/// One way to rank.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ranked {
    /// Over all questions.
    pub(crate) overall: Measures,
    /// Over the questions of each category.
    pub(crate) by_category: BTreeMap<String, Measures>,
    /// Over the questions of each group.
    pub(crate) by_group: BTreeMap<String, Measures>,
}

/// Recall of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct SessionLevel {
    /// Share of the sessions with an answer among the first ten sessions found.
    #[serde(rename = "recall@10")]
    pub(crate) recall_10: f64,
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// How large the corpus is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Size {
    pub(crate) groups: usize,
    pub(crate) documents: usize,
    pub(crate) questions: usize,
    pub(crate) questions_by_category: BTreeMap<String, u32>,
    /// Questions left out because nothing they should find is there, and other oddities.
    pub(crate) remarks: usize,
}

impl Report {
    pub(super) fn new(corpus: &Corpus, mut counted: Counted) -> Self {
        counted.latencies.sort_unstable();
        let percentile = |share: f64| {
            let last = counted.latencies.len().saturating_sub(1);
            let at = (last as f64 * share).round() as usize;
            counted.latencies.get(at).map_or(0.0, |latency| (latency.as_secs_f64() * 1e6).round() / 1e3)
        };
        let session = (counted.session_questions > 0).then(|| SessionLevel {
            recall_10: (counted.session_recall / f64::from(counted.session_questions) * 10_000.0).round()
                / 100.0,
        });
        let by_category = &counted.hybrid.by_category;
        Self {
            session,
            latency_ms: Latency { p50: percentile(0.5), p99: percentile(0.99) },
            corpus: Size {
                groups: corpus.groups.len(),
                documents: corpus.documents(),
                questions: corpus.questions(),
                questions_by_category: by_category
                    .iter()
                    .map(|(name, tally)| (name.clone(), tally.questions()))
                    .collect(),
                remarks: corpus.remarks().count(),
            },
            hybrid: Ranked::new(&counted.hybrid),
            bm25: Ranked::new(&counted.bm25),
        }
    }
}

impl Ranked {
    fn new(tallies: &Tallies) -> Self {
        let means = |tallies: &BTreeMap<String, Tally>| {
            tallies.iter().map(|(name, tally)| (name.clone(), tally.means())).collect()
        };
        Self {
            overall: tallies.overall.means(),
            by_category: means(&tallies.by_category),
            by_group: means(&tallies.by_group),
        }
    }
}
