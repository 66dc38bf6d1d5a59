//! One REST request on its way through admit, decode, operation and settle.

mod administration;

use std::sync::Arc;

use api::ErrorCode;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use engine::Idempotency;
use gateway::{OperatorPass, Pass, Principal};
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::{Map, Value};
use tenancy::{Operation, RequestId};

use crate::app::App;
use crate::edge::{self, Arrival, error_answer, json_answer, rate_headers};
use crate::operations::{Caller, Done, Failure, Visit};
use crate::percent;

pub(crate) use administration::TenantIn;

/// Longest Idempotency-Key, in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Most parameters of a query string.
const QUERY_PARAMETERS_MAX: usize = 64;

/// A request and the service it came to.
#[derive(Debug)]
pub(crate) struct Call {
    app: Arc<App>,
    parts: Parts,
    body: Option<Body>,
    /// The body, when somebody looked at it before its turn.
    peeked: Option<Result<Value, Failure>>,
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        Ok(Self { app: Arc::clone(app), parts, body: Some(body), peeked: None })
    }
}

impl Call {
    /// The service.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The request's id.
    pub(crate) fn request(&self) -> RequestId {
        match self.parts.extensions.get::<Arrival>() {
            Some(arrival) => arrival.request,
            None => RequestId::at(self.app.clock.now()),
        }
    }

    /// Admits the call as `operation` of a tenant, does `work`, settles, and answers with what it made.
    pub(crate) async fn answer<T: Serialize>(
        self,
        operation: Operation,
        status: fn(&T) -> u16,
        work: impl AsyncFnOnce(&mut Self, &Pass) -> Result<Done<T>, Failure>,
    ) -> Response {
        self.answer_as(operation, status, |value| json_answer(status(value), value), work).await
    }

    /// The same for an answer without a body.
    pub(crate) async fn answer_empty(
        self,
        operation: Operation,
        work: impl AsyncFnOnce(&mut Self, &Pass) -> Result<Done<()>, Failure>,
    ) -> Response {
        self.answer_as(operation, |()| 204, |()| no_content(), work).await
    }

    /// The same for an answer of another shape than what the operation made.
    pub(crate) async fn answer_as<T>(
        mut self,
        operation: Operation,
        status: impl Fn(&T) -> u16,
        shape: impl FnOnce(&T) -> Response,
        work: impl AsyncFnOnce(&mut Self, &Pass) -> Result<Done<T>, Failure>,
    ) -> Response {
        let request = self.request();
        let credentials = edge::credentials(&self.parts.headers, &self.parts.extensions);
        let visit = match Visit::admit(&self.app, &request, &credentials, operation).await {
            Ok(visit) => visit,
            Err(failure) => return refused(&failure, &request),
        };
        let outcome = work(&mut self, visit.pass()).await;
        let settled = visit.settle(outcome, status);
        let mut response = match &settled.outcome {
            Ok(value) => shape(value),
            Err(failure) => error_answer(failure, &request),
        };
        rate_headers(response.headers_mut(), &settled.rate);
        response
    }

    /// Admits the call as an operator's, does `work`, and answers.
    pub(crate) async fn answer_operator<T: Serialize>(
        self,
        status: u16,
        work: impl AsyncFnOnce(&mut Self, &OperatorPass) -> Result<T, Failure>,
    ) -> Response {
        self.answer_operator_as(async |call, pass| Ok(json_answer(status, &work(call, pass).await?))).await
    }

    /// The same for an answer of any shape.
    pub(crate) async fn answer_operator_as(
        mut self,
        work: impl AsyncFnOnce(&mut Self, &OperatorPass) -> Result<Response, Failure>,
    ) -> Response {
        let request = self.request();
        let credentials = edge::credentials(&self.parts.headers, &self.parts.extensions);
        let pass = match self.app.gateway.admit_operator(&credentials).await {
            Ok(pass) => pass,
            Err(refusal) => return error_answer(&refusal.into(), &request),
        };
        work(&mut self, &pass).await.unwrap_or_else(|failure| error_answer(&failure, &request))
    }

    /// A header's text; `None` when it is absent or no visible ASCII.
    pub(crate) fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// Finds out who is calling, does `work` for them, and answers. For what is neither a tenant's nor the
    /// operator's alone: `work` decides what the caller may do.
    pub(crate) async fn answer_caller<T: Serialize>(
        mut self,
        status: u16,
        work: impl AsyncFnOnce(&mut Self, &Caller) -> Result<T, Failure>,
    ) -> Response {
        let request = self.request();
        let credentials = edge::credentials(&self.parts.headers, &self.parts.extensions);
        let principal = match self.app.gateway.authenticate(&credentials).await {
            Ok(principal) => principal,
            Err(refusal) => return error_answer(&refusal.into(), &request),
        };
        let caller = self.caller(&principal);
        match work(&mut self, &caller).await {
            Ok(value) => json_answer(status, &value),
            Err(failure) => error_answer(&failure, &request),
        }
    }

    /// The operator who is calling.
    pub(crate) fn operator(&self, pass: &OperatorPass) -> Caller {
        self.caller(pass.principal())
    }

    /// Who is calling, once it is proven.
    fn caller(&self, principal: &Principal) -> Caller {
        let peer = edge::credentials(&self.parts.headers, &self.parts.extensions).peer;
        Caller { principal: principal.clone(), peer }
    }

    /// The body, which must be JSON.
    ///
    /// # Errors
    /// 400, 408, 413 or 415, each with the reason.
    pub(crate) async fn json(&mut self) -> Result<Value, Failure> {
        if let Some(peeked) = self.peeked.take() {
            return peeked;
        }
        self.expect_json()?;
        let bytes = self.read_body().await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(malformed("the body is empty; send a JSON object".to_owned()));
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            // The position and the kind only: the parser's text may repeat what was sent.
            let (line, column) = (error.line(), error.column());
            let reason = match error.classify() {
                serde_json::error::Category::Eof => "it ends too early",
                _ if error.to_string().starts_with("recursion limit") => {
                    "it is nested deeper than 127 levels"
                }
                _ => "it is not valid JSON",
            };
            malformed(format!("the body cannot be read: {reason} (line {line}, column {column})"))
        })
    }

    /// A look at the body before its turn; what is wrong with it is told then.
    async fn peek_json(&mut self) -> Option<&Value> {
        if self.peeked.is_none() {
            self.peeked = Some(self.json().await);
        }
        self.peeked.as_ref().and_then(|peeked| peeked.as_ref().ok())
    }

    /// The query string as an object of strings.
    ///
    /// # Errors
    /// 400 for a parameter that is there twice or is no UTF-8.
    pub(crate) fn query(&self) -> Result<Value, Failure> {
        let mut object = Map::new();
        let query = self.parts.uri.query().unwrap_or("");
        for (count, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if count >= QUERY_PARAMETERS_MAX {
                return Err(Failure::field(
                    "query",
                    format!("has more than {QUERY_PARAMETERS_MAX} parameters"),
                ));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = query_text(name).ok_or_else(|| Failure::field("query", "must be UTF-8"))?;
            let value = query_text(value).ok_or_else(|| Failure::field(&name, "must be UTF-8"))?;
            if object.contains_key(&name) {
                return Err(Failure::field(&name, "must be given once"));
            }
            object.insert(name, Value::String(value));
        }
        Ok(Value::Object(object))
    }

    /// Refuses parameters where there are none to give.
    ///
    /// # Errors
    /// 400 that names the first of them.
    pub(crate) fn expect_no_query(&self) -> Result<(), Failure> {
        match self.query()? {
            Value::Object(object) if !object.is_empty() => {
                let problem = |name: &String| engine::Problem::new(name.as_str(), "is not a known parameter");
                Err(Failure::Invalid(object.keys().map(problem).collect()))
            }
            _ => Ok(()),
        }
    }

    /// The body as it comes, for who bounds it themselves.
    pub(crate) fn take_body(&mut self) -> Body {
        self.body.take().unwrap_or_else(Body::empty)
    }

    /// One segment of the path.
    ///
    /// # Errors
    /// 404 when it is no UTF-8.
    pub(crate) async fn segment(&mut self, name: &str) -> Result<String, Failure> {
        let found = RawPathParams::from_request_parts(&mut self.parts, &()).await;
        let found =
            found.ok().and_then(|all| all.iter().find(|(key, _)| *key == name).map(|(_, v)| v.to_owned()));
        found.ok_or_else(|| {
            Failure::Coded(ErrorCode::RouteNotFound, ErrorCode::RouteNotFound.meaning().to_owned())
        })
    }

    /// The memory id in the path.
    ///
    /// # Errors
    /// 400 when it is no positive integer.
    pub(crate) async fn memory_id(&mut self) -> Result<i64, Failure> {
        let text = self.segment("id").await?;
        let id = text.parse().ok().filter(|id| *id > 0);
        id.ok_or_else(|| Failure::field("id", "must be a positive integer"))
    }

    /// The Idempotency-Key header, bound to this body.
    ///
    /// # Errors
    /// 400 when the key is empty, too long or not visible ASCII.
    pub(crate) fn idempotency(&self, body: &Value) -> Result<Option<Idempotency>, Failure> {
        let Some(key) = self.parts.headers.get("idempotency-key") else { return Ok(None) };
        let key = key.to_str().unwrap_or("");
        if key.trim().is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
            let rule = format!("must have 1-{IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters");
            return Err(Failure::field("Idempotency-Key", rule));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.parts.uri.path().as_bytes());
        digest(body, &mut hasher);
        Ok(Some(Idempotency { key: key.to_owned(), fingerprint: *hasher.finalize().as_bytes() }))
    }

    fn expect_json(&self) -> Result<(), Failure> {
        let Some(kind) = self.parts.headers.get(header::CONTENT_TYPE) else { return Ok(()) };
        let kind = kind.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
            return Ok(());
        }
        let message = format!("the body must be sent as application/json, not as {kind:?}");
        Err(Failure::Coded(ErrorCode::UnsupportedMediaType, message))
    }

    async fn read_body(&mut self) -> Result<Bytes, Failure> {
        let limits = &self.app.config.limits;
        let Some(mut body) = self.body.take() else { return Ok(Bytes::new()) };
        let reading = async {
            let mut all: Vec<u8> = Vec::new();
            let mut only: Option<Bytes> = None;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return Err(malformed("the body was cut off".to_owned())) };
                let Ok(data) = frame.into_data() else { continue };
                let so_far = all.len() + only.as_ref().map_or(0, Bytes::len);
                if so_far + data.len() > limits.body_bytes {
                    edge::read_away(body).await;
                    return Err(edge::too_large(limits.body_bytes));
                }
                // Most bodies come in one piece, which is then not copied.
                match (all.is_empty(), only.take()) {
                    (true, None) => only = Some(data),
                    (_, first) => {
                        all.extend_from_slice(&first.unwrap_or_default());
                        all.extend_from_slice(&data);
                    }
                }
            }
            Ok(only.unwrap_or_else(|| Bytes::from(all)))
        };
        tokio::time::timeout(limits.body_timeout, reading).await.unwrap_or_else(|_| {
            Err(Failure::Coded(ErrorCode::RequestTimeout, ErrorCode::RequestTimeout.meaning().to_owned()))
        })
    }
}

fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    response
}

/// An answer to somebody who was not let in; a rate refusal tells where they stand.
fn refused(failure: &Failure, request: &RequestId) -> Response {
    let mut response = error_answer(failure, request);
    if let Failure::Refused(refusal) = failure
        && let Some(rate) = refusal.rate()
    {
        rate_headers(response.headers_mut(), rate);
    }
    response
}

fn malformed(message: String) -> Failure {
    Failure::Coded(ErrorCode::MalformedJson, message)
}

/// A name or a value of a query string, where a space may be a plus.
fn query_text(text: &str) -> Option<String> {
    percent::decoded(&text.replace('+', " "))
}

/// Feeds a JSON value to a digest, the same for any order of its keys.
fn digest(value: &Value, hasher: &mut blake3::Hasher) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<_> = object.keys().collect();
            keys.sort_unstable();
            hasher.update(b"{");
            for key in keys {
                hasher.update(&(key.len() as u64).to_le_bytes());
                hasher.update(key.as_bytes());
                digest(&object[key], hasher);
            }
            hasher.update(b"}");
        }
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                digest(item, hasher);
            }
            hasher.update(b"]");
        }
        Value::String(text) => {
            hasher.update(b"\"");
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            hasher.update(value.to_string().as_bytes());
            hasher.update(b",");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_a_digest_but_anything_else_does() {
        let of = |value: Value| {
            let mut hasher = blake3::Hasher::new();
            digest(&value, &mut hasher);
            *hasher.finalize().as_bytes()
        };
        assert_eq!(of(json!({"a": 1, "b": [1, 2]})), of(json!({"b": [1, 2], "a": 1})));
        for other in
            [json!({"a": 1, "b": [12]}), json!({"a": "1", "b": [1, 2]}), json!({"ab": 1}), json!([1, 2])]
        {
            assert_ne!(of(json!({"a": 1, "b": [1, 2]})), of(other));
        }
    }

    #[test]
    fn a_plus_in_a_query_is_a_space_unless_it_is_escaped() {
        assert_eq!(query_text("a%20b+c%2B%C3%A4").as_deref(), Some("a b c+ä"));
        assert_eq!(query_text("%2"), None);
    }
}
