//! What the service tells about itself: log lines on stderr, metrics for a scraper, traces for a collector, its last
//! hours for the console.

mod history;
mod log;
mod metrics;
mod request_notes;
mod route_times;
mod traces;

pub use history::{History, RouteSums, SAMPLE_EVERY, SAMPLES_MAX, Sample, Sums};
pub use log::start_logging;
pub use metrics::{Kind, METRICS, Metric, Telemetry};
pub use route_times::{RouteTime, RouteTimes};

pub(crate) use metrics::start_routes_at_zero;
pub(crate) use request_notes::{RequestNotes, note_error, note_provider_time};
pub(crate) use traces::{begin_request, end_request, flush_traces, trace_id};
