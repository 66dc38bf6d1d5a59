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
        "Time from the headers to the answer without that in the embedding provider, by route",
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
    metric("engram_embeddings_pending", Kind::Gauge, "Memories that wait for a vector of the model in use"),
    metric("engram_stores_to_embed", Kind::Gauge, "Closed tenant stores with memories that wait for vectors"),
    metric(
        "engram_search_stage_duration_seconds",
        Kind::Histogram,
        "Time of one stage of a search, by stage",
    ),
    metric("engram_memories_expired_total", Kind::Counter, "Memories removed because their time was up"),
    metric("engram_stores_open", Kind::Gauge, "Tenant stores open"),
    metric("engram_stores_open_max", Kind::Gauge, "Tenant stores that may be open at once"),
    metric("engram_writer_queue_depth", Kind::Gauge, "Writes that wait for their commit, in all open stores"),
    metric("engram_wal_bytes", Kind::Gauge, "Size of the write-ahead logs of all open stores"),
    metric("engram_wal_largest_bytes", Kind::Gauge, "Size of the largest write-ahead log of an open store"),
    metric("engram_db_open_failures_total", Kind::Counter, "Tenant stores that did not open"),
    metric("engram_migrations_total", Kind::Counter, "Tenant stores that were brought to a newer schema"),
    metric("engram_stores_to_migrate", Kind::Gauge, "Tenant stores that still have an older schema"),
    metric("engram_volume_free_bytes", Kind::Gauge, "Free bytes of the data volume"),
    metric("engram_volume_size_bytes", Kind::Gauge, "Size of the data volume"),
    metric("engram_deletions_unfinished", Kind::Gauge, "Deleted tenants whose files are not removed yet"),
    metric("engram_tenants_quarantined", Kind::Gauge, "Tenants whose database is damaged and set aside"),
    metric(
        "engram_backup_newest_age_seconds",
        Kind::Gauge,
        "Largest age of a changed tenant's newest backup",
    ),
    metric(
        "engram_backup_newest_verified_age_seconds",
        Kind::Gauge,
        "Largest age of a changed tenant's newest verified backup",
    ),
    metric("engram_backups_total", Kind::Counter, "Backups that ended, by result"),
    metric("engram_backup_failures_total", Kind::Counter, "Backups that failed, by stage"),
    metric("engram_backup_bytes_total", Kind::Counter, "Bytes of backups put into the vault"),
    metric("engram_backup_duration_seconds", Kind::Histogram, "Time of one backup"),
    metric(
        "engram_backup_orphans",
        Kind::Gauge,
        "Objects of the vault that no row of the control plane names",
    ),
    metric("engram_restores_total", Kind::Counter, "Restores that ended, by result"),
    metric("engram_restore_tests_total", Kind::Counter, "Restore tests of one tenant that ended, by result"),
    metric(
        "engram_restore_test_last_success_timestamp_seconds",
        Kind::Gauge,
        "When a run of restore tests last passed",
    ),
    metric(
        "engram_restore_test_coverage_ratio",
        Kind::Gauge,
        "Part of the tenants whose backup was restored in a test in the last 90 days",
    ),
    metric("engram_trace_spans_sent_total", Kind::Counter, "Spans of traces that the collector took"),
    metric("engram_trace_spans_lost_total", Kind::Counter, "Spans that reached no collector, by reason"),
    metric("engram_build_info", Kind::Gauge, "1, with the version as a label"),
    metric("engram_start_timestamp_seconds", Kind::Gauge, "When the process started"),
    metric("engram_job_failures_total", Kind::Counter, "Runs of background jobs that failed, by job"),
    metric("engram_job_last_success_timestamp_seconds", Kind::Gauge, "When a background job last succeeded"),
];

/// Labels whose every value is known, so that each of their counters starts at zero too.
const LABELLED: &[(&str, &str, &[&str])] = &[
    ("engram_backups_total", "result", &["ok", "failed"]),
    ("engram_restores_total", "result", &["ok", "failed"]),
    ("engram_restore_tests_total", "result", &["passed", "failed"]),
    ("engram_trace_spans_lost_total", "reason", &["queue_full", "collector", "refused"]),
    ("engram_backup_failures_total", "stage", &["waiting", "copying", "examining", "shipping", "recording"]),
];
/// Statuses that alerts count; a route's counters of them start at zero, or the first failure would be no increase.
const STATUSES_FROM_THE_START: &[&str] = &["200", "500", "503"];

/// Starts the counters of every route at zero.
pub(crate) fn start_routes_at_zero<'a>(routes: impl IntoIterator<Item = (&'a str, &'static str)>) {
    for (route, method) in routes {
        for status in STATUSES_FROM_THE_START {
            let labels = [
                ("route", route.to_owned()),
                ("method", method.to_owned()),
                ("status", (*status).to_owned()),
            ];
            ::metrics::counter!("engram_requests_total", &labels).increment(0);
        }
    }
}

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

    /// The value of a metric without labels, as a scraper would read it now.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let text = self.render();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
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
            Kind::Histogram => {
                ::metrics::describe_histogram!(*name, *help);
                // Known from the start, so that a scraper sees it before the first sample.
                let _ = ::metrics::histogram!(*name);
            }
        }
    }
    for (name, label, values) in LABELLED {
        for value in *values {
            ::metrics::counter!(*name, *label => *value).increment(0);
        }
    }
    for job in crate::jobs::JOBS {
        ::metrics::counter!("engram_job_failures_total", "job" => job.name).increment(0);
    }
    ::metrics::gauge!("engram_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
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
