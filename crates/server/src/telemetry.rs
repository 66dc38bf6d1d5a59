//! What the service tells about itself: log lines on stderr, metrics for a scraper, its last hours for the console.

mod history;
mod log;
mod metrics;

pub use history::{History, RouteSums, SAMPLE_EVERY, SAMPLES_MAX, Sample, Sums};
pub use log::start_logging;
pub use metrics::{Kind, METRICS, Metric, Telemetry};
