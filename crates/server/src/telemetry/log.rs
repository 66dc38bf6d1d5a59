//! Log lines: text for people in dev, JSON elsewhere, always on stderr. No line holds a key or what somebody stored.
//! And the one place where the subscriber is put together that log lines and spans go to.

use stdx::stage::TARGET;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use super::traces;
use crate::config::{LogFormat, TelemetrySettings, TraceSettings};

/// Libraries that write whole messages, headers or parameters to the log below a level, and that level: nothing
/// beyond it is written, whatever the setting says.
const TALKATIVE: &[(&str, Level)] = &[
    ("rmcp", Level::ERROR),
    ("h2", Level::INFO),
    ("hyper", Level::INFO),
    ("hyper_util", Level::INFO),
    ("reqwest", Level::INFO),
    ("tokio_postgres", Level::INFO),
    ("postgres", Level::INFO),
];

/// Starts logging for the whole process, and tracing if there is a collector. A second call changes nothing. Needs a
/// tokio runtime.
pub fn start_logging(settings: &TelemetrySettings, traces: &TraceSettings) {
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(filter.and(filter_fn(tells_no_secret)));
    // A second subscriber is an error, which here only means that logging goes on as it was.
    let _ = tracing_subscriber::registry().with(lines).with(traces::layer(traces)).try_init();
}

fn tells_no_secret(line: &Metadata<'_>) -> bool {
    // Spans for traces alone; without a collector nobody asks for them, and they cost nothing.
    if line.target() == TARGET {
        return false;
    }
    let source = line.target().split("::").next().unwrap_or_default();
    let cap = TALKATIVE.iter().find(|(library, _)| *library == source);
    cap.is_none_or(|(_, most)| line.level() <= most)
}
