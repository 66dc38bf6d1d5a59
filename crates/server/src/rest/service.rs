//! What the service says of itself, to anybody who asks.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use metering::Pressure;

use crate::app::App;
use crate::edge::json_answer;

/// Is the process alive?
#[utoipa::path(get, path = "/health", tag = "service", operation_id = "health",
    responses((status = 200, description = "It is", body = api::Health)))]
pub(super) async fn health() -> Response {
    json_answer(200, &api::Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Does the service want traffic?
#[utoipa::path(get, path = "/ready", tag = "service", operation_id = "ready",
    responses((status = 200, description = "It does", body = api::Readiness), (status = 503, description = "It does not", body = api::Readiness)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let check = |name, failing: Option<&str>, degraded: Option<&str>| api::ReadinessCheck {
        name,
        status: match (failing, degraded) {
            (Some(_), _) => "failing",
            (None, Some(_)) => "degraded",
            (None, None) => "ok",
        },
        reason: failing.or(degraded).map(str::to_owned),
    };
    let spool = match app.meter.pressure() {
        Pressure::Low => None,
        Pressure::Near | Pressure::Full => Some("the usage spool is nearly full or cannot be written"),
    };
    let embedding = match app.vectors.provider().health() {
        embedding::Health::Up => None,
        _ => Some("the embedding endpoint does not answer; memories are found by words until it does"),
    };
    let checks = vec![
        check("draining", app.lifecycle.is_draining().then_some("the service is shutting down"), None),
        check("usage_spool", spool, None),
        check("embedding", None, embedding),
    ];
    let is_ready = checks.iter().all(|check| check.status != "failing");
    let (status, word) = if is_ready { (200, "ready") } else { (503, "not_ready") };
    json_answer(status, &api::Readiness { status: word, checks })
}

/// Metrics for a Prometheus scraper
#[utoipa::path(get, path = "/metrics", tag = "service", operation_id = "metrics",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ::metrics::gauge!("engram_requests_in_flight").set(app.lifecycle.in_flight() as f64);
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, text)], app.telemetry.render()).into_response()
}
