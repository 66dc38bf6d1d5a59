//! What a load run found, as JSON for machines; people get a table of the same numbers.

use std::time::Duration;

use serde::Serialize;

use super::disk::Disk;
use super::drive::{Samples, percentile_ms};

/// Every number of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// What the texts were made from.
    pub(crate) seed: u64,
    /// Measured seconds of each scenario.
    pub(crate) seconds: f64,
    /// The bare disk, in the same run.
    pub(crate) disk: Disk,
    /// How our own service started; absent when a URL was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Start>,
    /// One row for each kind of request of each scenario.
    #[serde(rename = "scenarios")]
    pub(crate) rows: Vec<Row>,
}

/// Starts, and what the process weighs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Start {
    /// From the start of the process to its first answer, in an empty folder.
    pub(crate) first_ms: f64,
    /// The same with the memories of the run in the folder.
    pub(crate) again_ms: f64,
    /// Resident memory before any work.
    pub(crate) idle_mib: Option<f64>,
    /// Resident memory after the reads of the largest size.
    pub(crate) serving_mib: Option<f64>,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) connections: usize,
    /// Memories in the store when it began.
    pub(crate) memories: u64,
    pub(crate) requests: usize,
    pub(crate) errors: u64,
    pub(crate) per_second: f64,
    /// For requests that store several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memories_per_second: Option<f64>,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// CPU time of the service for one request, over all kinds of the scenario.
    pub(crate) server_cpu_ms: Option<f64>,
    pub(crate) server_resident_mib: Option<f64>,
    /// The first refusal or failure, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_error: Option<String>,
}

impl Row {
    #[allow(clippy::too_many_arguments, reason = "called in one place, with values named there")]
    pub(super) fn new(
        name: &str,
        connections: usize,
        memories: u64,
        samples: &mut Samples,
        elapsed: Duration,
        rows_per_call: u64,
        server_cpu_ms: Option<f64>,
        server_resident_mib: Option<f64>,
    ) -> Self {
        samples.latencies.sort_unstable();
        let per_second = samples.latencies.len() as f64 / elapsed.as_secs_f64();
        let percentile = |share| percentile_ms(&samples.latencies, share);
        Self {
            name: name.to_owned(),
            connections,
            memories,
            requests: samples.latencies.len(),
            errors: samples.errors,
            per_second,
            memories_per_second: (rows_per_call > 1).then_some(per_second * rows_per_call as f64),
            p50_ms: percentile(0.5),
            p95_ms: percentile(0.95),
            p99_ms: percentile(0.99),
            max_ms: percentile(1.0),
            server_cpu_ms,
            server_resident_mib,
            first_error: samples.first_error.clone(),
        }
    }
}
