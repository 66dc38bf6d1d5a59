//! What a run found, as JSON for machines; people get the same numbers.

use serde::Serialize;

/// Every number of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// `sqlite` or `postgres`.
    pub(crate) ledger: &'static str,
    /// What decided the moments.
    pub(crate) seed: u64,
    pub(crate) durability: Durability,
    pub(crate) speed: Speed,
}

/// What became of the answered requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Durability {
    /// Requests whose answer the client read.
    pub(crate) answered: u64,
    /// Processes that were killed.
    pub(crate) kills: u64,
    /// Times the ledger's server died and came back.
    pub(crate) ledger_outages: u64,
    /// Events in the ledger at the end.
    pub(crate) in_ledger: u64,
    /// Requests in its daily sums.
    pub(crate) rolled_up: u64,
    /// Events the last process left in its spool.
    pub(crate) waiting_at_the_end: u64,
    /// Answered, and not in the ledger.
    pub(crate) lost: u64,
    /// Counted more than once.
    pub(crate) double: u64,
    /// In the ledger with other counters or another time than was answered.
    pub(crate) differing: u64,
    /// In the ledger, and killed before the client read the answer.
    pub(crate) unanswered: u64,
    /// As many as there can be of those: one a thread and kill.
    pub(crate) unanswered_max: u64,
    /// Events on which the node's own counts, the ledger and its sums do not agree.
    pub(crate) drift: u64,
    /// Sending the rest and comparing.
    pub(crate) compare_seconds: f64,
}

/// How fast it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Speed {
    /// Events of each measurement.
    pub(crate) events: u64,
    pub(crate) threads: u64,
    /// Events recorded in a second by all threads.
    pub(crate) appends_per_s: f64,
    /// Events that one flusher brought into the ledger in a second.
    pub(crate) flushed_per_s: f64,
    /// What metering adds to a request.
    pub(crate) record_p50_us: f64,
    pub(crate) record_p99_us: f64,
}

impl Durability {
    /// Whether nothing was lost and nothing counted twice.
    pub(crate) fn holds(&self) -> bool {
        self.lost == 0
            && self.double == 0
            && self.differing == 0
            && self.drift == 0
            && self.unanswered <= self.unanswered_max
    }
}
