//! What the service tells about itself: log lines on stderr, metrics for a scraper.

mod log;
mod metrics;

pub use log::start_logging;
pub use metrics::{Kind, METRICS, Metric, Telemetry};
