//! Traces: a span for each request, with one for each stage below it, sent to a collector if one is configured.
//!
//! Only spans with [`TARGET`] get into a trace, and no log line does, so that all a trace can tell stands where such a
//! span is made: names, counts, ids, never what somebody stored.

mod queue;
mod request;
mod sampling;
mod sender;

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use stdx::stage::TARGET;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::TraceSettings;

pub(crate) use request::{begin_request, end_request, trace_id};

use queue::Flusher;
use sampling::RequestsOnly;
use sender::Sender;

/// The way to what waits to be sent; one a process, as is the subscriber that spans go to.
static FLUSHER: OnceLock<Flusher> = OnceLock::new();

/// What makes traces of spans and sends them in the background; `None` without a collector. Needs a tokio runtime.
pub(super) fn layer<S>(settings: &TraceSettings) -> Option<impl Layer<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let url = settings.traces_url()?;
    // Not from the environment: the configuration has read what counts.
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", settings.service_name.clone()))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let sender = Sender::new(url, settings, &resource);
    let (queue, flusher) = queue::start(sender);
    let _ = FLUSHER.set(flusher);
    let provider = SdkTracerProvider::builder()
        .with_sampler(RequestsOnly::sampler(settings.sample_ratio))
        .with_span_processor(queue)
        .with_resource(resource)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("engram"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false);
    let for_traces = filter_fn(|span| span.is_span() && span.target() == TARGET);
    Some(layer.with_filter(for_traces.with_max_level_hint(LevelFilter::INFO)))
}

/// Sends what waits, for at most `longest`; the rest is lost.
pub(crate) async fn flush_traces(longest: Duration) {
    let Some(flusher) = FLUSHER.get() else { return };
    if tokio::time::timeout(longest, flusher.flush()).await.is_err() {
        tracing::warn!("the last traces did not reach the collector in time");
    }
}
