//! The span of a request: whose trace it belongs to, and what it tells.

use http::{HeaderMap, StatusCode};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use stdx::stage::stage;
use tenancy::RequestId;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::telemetry::RequestNotes;

/// Longest `tracestate` of a caller's that is kept: what the W3C asks for, and what a stranger may have us keep with
/// each span.
const TRACE_STATE_BYTES_MAX: usize = 512;
/// Asked all the time, and told by nobody's trace.
const UNTRACED: &[&str] = &["/health", "/ready", "/metrics"];

/// A span for a request that came with `headers`; part of the caller's trace if they name one (W3C Trace Context).
pub(crate) fn begin_request(headers: &HeaderMap, method: &str, route: &str, id: &RequestId) -> Span {
    if UNTRACED.contains(&route) {
        return Span::none();
    }
    let span = stage!(
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        error.r#type = tracing::field::Empty,
        engram.request_id = %id,
        engram.tenant_id = tracing::field::Empty,
        engram.tenant_slug = tracing::field::Empty,
    );
    if !span.is_disabled() {
        let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Trusted(headers));
        if caller.has_active_span() {
            // The span is new, so nothing has decided its parent yet.
            let _ = span.set_parent(caller);
        }
    }
    span
}

/// Tells the span how the request ended.
pub(crate) fn end_request(span: &Span, status: StatusCode, notes: &RequestNotes) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status.as_u16());
    if let Some(caller) = notes.caller() {
        span.record("engram.tenant_id", caller.tenant_id.as_str());
        span.record("engram.tenant_slug", caller.tenant_slug.as_str());
    }
    if let Some(code) = notes.error() {
        span.record("error.type", code);
    }
    // What the caller did wrong is no error of ours.
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The id of the trace, if it is kept.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let told = span.span_context();
    told.is_sampled().then(|| told.trace_id().to_string())
}

/// The headers of a trace, as far as they are believed: one each, and of bounded length.
struct Trusted<'a>(&'a HeaderMap);

impl Extractor for Trusted<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        (values.next().is_none() && value.len() <= TRACE_STATE_BYTES_MAX).then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
