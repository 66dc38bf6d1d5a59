//! Answers: JSON, and the one shape of errors.

use axum::body::Body;
use axum::response::Response;
use gateway::RateState;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use tenancy::RequestId;

use crate::operations::Failure;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON answer.
pub fn json_answer(status: u16, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, APPLICATION_JSON);
    response
}

/// An error in the common shape, logged if it is ours.
pub fn error_answer(failure: &Failure, request: &RequestId) -> Response {
    failure.log(request);
    let body = failure.to_body(request);
    let mut response = json_answer(failure.status(), &body);
    if let Some(seconds) = body.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if failure.status() == StatusCode::UNAUTHORIZED.as_u16() {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"engram\""));
    }
    response
}

/// Tells the caller where it stands with its rate limit.
pub fn rate_headers(headers: &mut HeaderMap, rate: &RateState) {
    let (Some(limit), Some(remaining)) = (rate.limit, rate.remaining) else { return };
    headers.insert(RATELIMIT_LIMIT, HeaderValue::from(limit));
    headers.insert(RATELIMIT_REMAINING, HeaderValue::from(remaining));
    headers.insert(RATELIMIT_RESET, HeaderValue::from(rate.reset_s));
}

/// Tells the caller where its address stands, unless something already said where its tenant does.
pub(super) fn address_rate_headers(headers: &mut HeaderMap, rate: &RateState) {
    if !headers.contains_key(RATELIMIT_LIMIT) {
        rate_headers(headers, rate);
    }
}

/// Tells the caller that nothing limits it, unless something already said what does.
pub(super) fn no_rate_limit(headers: &mut HeaderMap) {
    if headers.contains_key(RATELIMIT_LIMIT) {
        return;
    }
    headers.insert(RATELIMIT_LIMIT, HeaderValue::from(NO_LIMIT));
    headers.insert(RATELIMIT_REMAINING, HeaderValue::from(NO_LIMIT));
    headers.insert(RATELIMIT_RESET, HeaderValue::from(0));
}

/// What `RateLimit-Limit` says where there is none: clients read it into 32 bits.
const NO_LIMIT: i32 = i32::MAX;

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
