//! Through here goes every request: it gets its id and a place among those in flight, is bounded in size and
//! time, and whatever happens to it ends as an answer in the common shape, a line in the log and a metric.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use api::ErrorCode;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tenancy::RequestId;

use super::{Arrival, error_answer};
use crate::app::App;
use crate::operations::Failure;

/// An oversized body is read and thrown away up to this size, so that its sender hears the answer instead of
/// a broken connection.
const OVERSIZED_BYTES_READ_MAX: usize = 32 * 1024 * 1024;
/// How long that may take.
const OVERSIZED_READ: Duration = Duration::from_secs(5);
/// Longest id of a client's own that is repeated.
const CLIENT_ID_BYTES_MAX: usize = 128;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const X_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

/// The middleware around every route.
///
/// The work runs in a task of its own: a client that goes away in the middle gets no answer, but what it asked
/// for is finished, recorded and charged like any other request.
pub async fn pass_through(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let arrival = Arrival { request: RequestId::at(app.clock.now()) };
    request.extensions_mut().insert(arrival);
    let work = tokio::spawn(answer_and_tell(app, arrival, started, request, next));
    // The task catches panics of the work; it ends early only when the runtime does.
    work.await.unwrap_or_else(|_| error_answer(&coded(ErrorCode::Draining), &arrival.request))
}

async fn answer_and_tell(
    app: Arc<App>,
    arrival: Arrival,
    started: Instant,
    request: Request,
    next: Next,
) -> Response {
    let client_id = client_id(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);

    let mut response = answer(&app, &arrival, route, request, next).await;
    say_what_axum_left_unsaid(&mut response, &method, &arrival);
    let elapsed = started.elapsed();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&arrival.request.to_string()) {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Ok(timing) = HeaderValue::from_str(&format!("app;dur={:.3}", elapsed.as_secs_f64() * 1e3)) {
        headers.insert(SERVER_TIMING, timing);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(id) = &client_id {
        headers.insert(X_CLIENT_REQUEST_ID, id.clone());
    }
    measure(&method, route, response.status(), elapsed);
    tracing::info!(
        request = %arrival.request,
        client_request = client_id.as_ref().and_then(|id| id.to_str().ok()),
        method = method.as_str(),
        route,
        status = response.status().as_u16(),
        took_ms = elapsed.as_secs_f64() * 1e3,
        "request"
    );
    response
}

async fn answer(app: &Arc<App>, arrival: &Arrival, route: &str, request: Request, next: Next) -> Response {
    // Asked by those who decide whether the process lives: it must not wait behind work, nor be refused.
    let _place = if matches!(route, "/health" | "/ready" | "/metrics") {
        None
    } else {
        match app.lifecycle.enter() {
            Some(place) => Some(place),
            None => {
                metrics::counter!("engram_overload_refusals_total").increment(1);
                return error_answer(&coded(ErrorCode::Overloaded), &arrival.request);
            }
        }
    };
    let body_bytes_max = app.config.limits.body_bytes;
    if declared_length(&request).is_some_and(|bytes| bytes > body_bytes_max as u64) {
        read_away(request.into_body()).await;
        return error_answer(&too_large(body_bytes_max), &arrival.request);
    }
    let request = bounded(request, body_bytes_max);
    let work = CatchUnwind(Box::pin(next.run(request)));
    match tokio::time::timeout(app.config.limits.request_timeout, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            metrics::counter!("engram_panics_total").increment(1);
            tracing::error!(request = %arrival.request, route, panic, "a request ended in a panic");
            error_answer(&coded(ErrorCode::Internal), &arrival.request)
        }
        Err(_) => error_answer(&coded(ErrorCode::Timeout), &arrival.request),
    }
}

fn coded(code: ErrorCode) -> Failure {
    Failure::Coded(code, code.meaning().to_owned())
}

/// The answer to a body beyond the bound.
pub(crate) fn too_large(body_bytes_max: usize) -> Failure {
    Failure::Coded(ErrorCode::BodyTooLarge, format!("the body is larger than {body_bytes_max} bytes"))
}

/// Reads what is left of an oversized body, within bounds.
pub(crate) async fn read_away(body: Body) {
    let mut body = Limited::new(body, OVERSIZED_BYTES_READ_MAX);
    let reading = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(OVERSIZED_READ, reading).await;
}

fn declared_length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Bodies without a declared length are counted while they are read. One byte more than allowed gets through,
/// so that the reader can tell "too large" from "cut off" and read the rest away.
fn bounded(request: Request, body_bytes_max: usize) -> Request {
    if declared_length(&request).is_some() || request.body().is_end_stream() {
        return request;
    }
    request.map(|body| Body::new(Limited::new(body, body_bytes_max + OVERSIZED_BYTES_READ_MAX)))
}

fn client_id(request: &Request) -> Option<HeaderValue> {
    let id = request.headers().get(X_REQUEST_ID)?;
    let shown = id.to_str().is_ok_and(|id| !id.is_empty()) && id.len() <= CLIENT_ID_BYTES_MAX;
    shown.then(|| id.clone())
}

/// Axum answers an unknown method with an empty body; everything else has one already.
fn say_what_axum_left_unsaid(response: &mut Response, method: &Method, arrival: &Arrival) {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED
        || response.headers().contains_key(header::CONTENT_TYPE)
    {
        return;
    }
    let message = format!("{method} is not allowed here; the Allow header names what is");
    let told = error_answer(&Failure::Coded(ErrorCode::MethodNotAllowed, message), &arrival.request);
    let allow = response.headers_mut().remove(header::ALLOW);
    *response = told;
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
}

fn measure(method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
    let route = route.to_owned();
    metrics::histogram!("engram_request_duration_seconds", "route" => route.clone())
        .record(elapsed.as_secs_f64());
    metrics::counter!(
        "engram_requests_total",
        "route" => route,
        "method" => method_label(method),
        "status" => status_label(status)
    )
    .increment(1);
}

/// Methods are the caller's words, so all but the usual ones share a label.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn status_label(status: StatusCode) -> String {
    status.as_str().to_owned()
}

/// Turns a panic of a future into an error.
struct CatchUnwind<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => {
                let told = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let told = told.or_else(|| panic.downcast_ref::<String>().cloned());
                Poll::Ready(Err(told.unwrap_or_else(|| "a panic without words".to_owned())))
            }
        }
    }
}
