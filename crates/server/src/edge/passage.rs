//! Through here goes every request: it gets a place among those in flight, is bounded in size and time, and whatever
//! happens to it ends as an answer in the common shape.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use api::ErrorCode;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use gateway::{Peer, RateState};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};

use super::answer::address_rate_headers;
use super::{Arrival, error_answer};
use crate::app::App;
use crate::operations::Failure;

/// An oversized body is read and thrown away up to this size, so that its sender hears the answer instead of
/// a broken connection.
const OVERSIZED_BYTES_READ_MAX: usize = 32 * 1024 * 1024;
/// How long that may take.
const OVERSIZED_READ: Duration = Duration::from_secs(5);

/// The longest that an import may take.
const IMPORT_MAX: Duration = Duration::from_secs(6 * 3_600);

/// The middleware around every route.
pub async fn pass_through(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let arrival = Arrival::of(request.extensions(), &app);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    let mut response = answer(&app, &arrival, route, request, next).await;
    say_what_axum_left_unsaid(&mut response, &method, &arrival);
    response
}

async fn answer(app: &Arc<App>, arrival: &Arrival, route: &str, request: Request, next: Next) -> Response {
    // Asked by those who decide whether the process lives: it must not wait behind work, nor be refused.
    if matches!(route, "/health" | "/ready" | "/metrics") {
        return work(app, arrival, route, request, next).await;
    }
    let rate = match request.extensions().get::<Peer>() {
        Some(Peer::Network(address)) => app.gateway.admit_address(*address),
        Some(Peer::LocalSocket) | None => Ok(RateState::default()),
    };
    let rate = match rate {
        Ok(rate) => rate,
        Err(refusal) => {
            let rate = refusal.rate().copied().unwrap_or_default();
            return limited(error_answer(&refusal.into(), &arrival.request), &rate);
        }
    };
    let Some(_place) = app.lifecycle.enter() else {
        metrics::counter!("engram_overload_refusals_total").increment(1);
        return limited(error_answer(&coded(ErrorCode::Overloaded), &arrival.request), &rate);
    };
    limited(work(app, arrival, route, request, next).await, &rate)
}

/// Tells a client where its address stands, unless the tenant's own limit was told.
fn limited(mut response: Response, rate: &RateState) -> Response {
    address_rate_headers(response.headers_mut(), rate);
    response
}

async fn work(app: &Arc<App>, arrival: &Arrival, route: &str, request: Request, next: Next) -> Response {
    let limits = &app.config.limits;
    let (body_bytes_max, longest) = match route {
        // As large as a tenant; who receives it watches the disk and that it keeps coming.
        crate::rest::IMPORT => (usize::MAX - OVERSIZED_BYTES_READ_MAX, IMPORT_MAX),
        _ => (limits.body_bytes, limits.request_timeout),
    };
    if declared_length(&request).is_some_and(|bytes| bytes > body_bytes_max as u64) {
        read_away(request.into_body()).await;
        return error_answer(&too_large(body_bytes_max), &arrival.request);
    }
    let request = bounded(request, body_bytes_max);
    let work = CatchUnwind(Box::pin(next.run(request)));
    match tokio::time::timeout(longest, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            metrics::counter!("engram_panics_total").increment(1);
            tracing::error!(request_id = %arrival.request, route, panic, "a request ended in a panic");
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
