//! Answers of comma-separated values, with a header line (RFC 4180).

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use serde::Serialize;

/// The rows, their columns named by their fields. No row is no line, not even a header.
pub(super) fn csv_answer<T: Serialize>(rows: impl Iterator<Item = T>) -> Response {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing numbers and short texts into memory does not fail.
        if let Err(error) = writer.serialize(row) {
            tracing::error!(%error, "a row could not be written as CSV");
        }
    }
    let mut response = Response::new(Body::from(writer.into_inner().unwrap_or_default()));
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
