//! Every metric of the service, with its unit; counters start at zero, so that alerts can tell "none" from "gone".

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of durations, in seconds; 0.25 is the promise.
const DURATION_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Histograms grow between two calls of their upkeep.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in buckets.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, unit included.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it tells.
    pub help: &'static str,
}

/// Every metric of the service beyond those of metering and the gateway, which describe their own.
pub const METRICS: &[Metric] = &[
    metric("engram_requests_total", Kind::Counter, "Requests by route, method and status"),
    metric(
        "engram_request_duration_seconds",
        Kind::Histogram,
        "Time from the headers to the answer, by route",
    ),
    metric("engram_requests_in_flight", Kind::Gauge, "Requests at work"),
    metric(
        "engram_overload_refusals_total",
        Kind::Counter,
        "Requests refused because too many were in flight",
    ),
    metric("engram_panics_total", Kind::Counter, "Requests that ended in a defect of ours"),
    metric("engram_connections_total", Kind::Counter, "Connections accepted"),
    metric(
        "engram_tls_handshake_failures_total",
        Kind::Counter,
        "TLS handshakes that failed or took too long",
    ),
    metric("engram_certificate_reloads_total", Kind::Counter, "Times a new certificate was taken into use"),
    metric(
        "engram_certificate_reload_failures_total",
        Kind::Counter,
        "Times a changed certificate could not be used, and the old one stayed",
    ),
    metric("engram_embedding_duration_seconds", Kind::Histogram, "Time spent in the embedding provider"),
    metric("engram_embedding_failures_total", Kind::Counter, "Calls of the embedding provider that failed"),
    metric("engram_embeddings_pending", Kind::Gauge, "Memories of open stores that wait for their vector"),
    metric("engram_memories_expired_total", Kind::Counter, "Memories removed because their time was up"),
    metric("engram_stores_open", Kind::Gauge, "Tenant stores open"),
    metric("engram_db_open_failures_total", Kind::Counter, "Tenant stores that did not open"),
    metric("engram_volume_free_bytes", Kind::Gauge, "Free bytes of the data volume"),
    metric("engram_volume_size_bytes", Kind::Gauge, "Size of the data volume"),
    metric("engram_deletions_unfinished", Kind::Gauge, "Deleted tenants whose files are not removed yet"),
    metric("engram_job_failures_total", Kind::Counter, "Runs of background jobs that failed, by job"),
    metric("engram_job_last_success_timestamp_seconds", Kind::Gauge, "When a background job last succeeded"),
];

/// The process's metrics. One recorder a process; services in one process share it.
#[derive(Debug, Clone)]
pub struct Telemetry {
    handle: PrometheusHandle,
}

impl Telemetry {
    /// The recorder, installed on the first call.
    pub(crate) fn install() -> Self {
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = INSTALLED.get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let builder = builder
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)
                .unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // Another recorder in the process (a host's) gets the metrics then; ours stays empty.
            let _ = ::metrics::set_global_recorder(recorder);
            describe();
            handle
        });
        Self { handle: handle.clone() }
    }

    /// The text a scraper reads.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps histograms bounded; runs for ever.
    pub(crate) async fn upkeep(self) {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }
}

const fn metric(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

fn describe() {
    for Metric { name, kind, help } in METRICS {
        match kind {
            Kind::Counter => {
                ::metrics::describe_counter!(*name, *help);
                ::metrics::counter!(*name).increment(0);
            }
            Kind::Gauge => {
                ::metrics::describe_gauge!(*name, *help);
                ::metrics::gauge!(*name).set(0.0);
            }
            Kind::Histogram => ::metrics::describe_histogram!(*name, *help),
        }
    }
    metering::describe();
    gateway::describe();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_start_at_zero_and_say_what_they_are() {
        let text = Telemetry::install().render();
        assert!(text.contains("# TYPE engram_requests_total counter"), "{text}");
        assert!(text.contains("engram_db_open_failures_total 0"), "{text}");
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
