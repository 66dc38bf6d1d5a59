//! What the service tells about itself: log lines on stderr, metrics for a scraper.

mod log;
mod metrics;
mod request_notes;
mod route_times;

pub use log::start_logging;
pub use metrics::{Kind, METRICS, Metric, Telemetry};
pub use route_times::{RouteTime, RouteTimes};

pub(crate) use metrics::start_routes_at_zero;
pub(crate) use request_notes::{RequestNotes, note_error, note_provider_time};
