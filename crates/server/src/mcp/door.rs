//! The HTTP side of MCP: who may come in, and one JSON answer for whatever they say.

use std::sync::Arc;

use api::ErrorCode;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use gateway::{Credentials, RateState, Refusal};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use rmcp::model::{ErrorCode as RpcCode, ErrorData};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tenancy::{Operation, RequestId};

use super::admitted::Admitted;
use super::agent_facing::AgentFacing;
use super::failures::protocol_error;
use super::message::{Message, NoMessage};
use crate::app::App;
use crate::edge::{self, Arrival, Origins, json_answer, rate_headers};
use crate::operations::{Done, Failure, Visit};
use crate::rest::challenge;

/// Longest Idempotency-Key, in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Most bytes that are kept of somebody we do not know: enough for the id of a usual request, so that its client
/// can tell which one was refused, and too little to fill our memory.
const STRANGER_BODY_BYTES_MAX: usize = 64 * 1024;

const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");
const NOWHERE: HeaderValue = HeaderValue::from_static("localhost");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

type Protocol = StreamableHttpService<AgentFacing, NeverSessionManager>;

/// The route of MCP, to be merged into the router of the service. Only POST: without sessions there is no stream to
/// GET and nothing to DELETE.
pub fn router(app: &Arc<App>) -> Router {
    let served = Arc::clone(app);
    let config = StreamableHttpServerConfig::default()
        // A session would not be bound to its caller, and one tenant could speak in another's.
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(app.config.limits.body_bytes)
        // Nothing here is open to a browser that was led here by a false name: every request shows a key. The
        // origin is looked at before anything else, below.
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let protocol = Protocol::new(move || Ok(AgentFacing::new(Arc::clone(&served))), Arc::default(), config);
    let door = Door { app: Arc::clone(app), origins: Arc::new(Origins::of(&app.config)), protocol };
    Router::new().route("/v1/mcp", post(answer)).with_state(door)
}

#[derive(Clone)]
struct Door {
    app: Arc<App>,
    origins: Arc<Origins>,
    protocol: Protocol,
}

async fn answer(State(door): State<Door>, request: Request) -> Response {
    let id = match request.extensions().get::<Arrival>() {
        Some(arrival) => arrival.request,
        None => RequestId::at(door.app.clock.now()),
    };
    match door.converse(&id, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(&id),
    }
}

impl Door {
    async fn converse(&self, id: &RequestId, request: Request) -> Result<Response, Refused> {
        let (mut parts, body) = request.into_parts();
        expect_known_origin(&parts.headers, &self.origins)?;
        let credentials = edge::credentials(&parts.headers, &parts.extensions);
        if let Err(refusal) = self.app.gateway.authenticate(&credentials).await {
            let challenge = self.challenge(&parts);
            return Err(self.turn_away(id, &credentials, refusal, body).await.challenging(challenge));
        }
        expect_json(&parts.headers)?;
        let bytes = self.read(body, self.app.config.limits.body_bytes).await?;
        let message = Message::parse(&bytes);
        let operation = message.as_ref().map_or(Operation::DescribeMcp, Message::operation);
        let answer_to = Message::id_of(&message);

        let visit = Visit::admit(&self.app, id, &credentials, operation).await;
        let visit = visit.map_err(|failure| Refused::by(failure).answering(&answer_to))?;
        let rate = *visit.pass().rate();
        let told = |response: Response| with_rate(response, &rate);
        let message = match message {
            Ok(message) => message,
            Err(NoMessage { id: answer_to, error }) => {
                settle(visit, 400);
                return Ok(told(rpc_answer(StatusCode::BAD_REQUEST, &answer_to, &error)));
            }
        };
        let idempotency_key = match idempotency_key(&parts.headers) {
            Ok(key) => key,
            Err(failure) => {
                settle(visit, failure.status());
                return Ok(told(Refused::by(failure).answering(&answer_to).into_response(id)));
            }
        };

        let admitted = Admitted::new(*id, visit, idempotency_key);
        parts.extensions.insert(admitted.clone());
        complete(&mut parts.headers);
        let response = self.protocol.handle(Request::from_parts(parts, Full::new(bytes))).await;
        let response = in_json(response.map(Body::new), message.id()).await;
        if let Some(visit) = admitted.take() {
            // Nothing was done under it: a description, or a request that the protocol did not accept.
            let described = operation == Operation::DescribeMcp && response.status().is_success();
            settle(visit, if described { 200 } else { 400 });
        }
        Ok(told(response))
    }

    /// Refuses somebody we do not know, with the id of the request if its body is of a usual size.
    async fn turn_away(
        &self,
        id: &RequestId,
        credentials: &Credentials<'_>,
        refusal: Refusal,
        body: Body,
    ) -> Refused {
        let body = self.read(body, STRANGER_BODY_BYTES_MAX).await;
        let answer_to = body.map_or(Value::Null, |bytes| Message::id_of(&Message::parse(&bytes)));
        // Only what `admit` refuses is counted among the refusals.
        let failure = match Visit::admit(&self.app, id, credentials, Operation::DescribeMcp).await {
            Err(failure) => failure,
            Ok(visit) => {
                // The outage that caused the refusal is over, and the request has gone unread.
                settle(visit, refusal.status());
                refusal.into()
            }
        };
        Refused::by(failure).answering(&answer_to)
    }

    fn challenge(&self, parts: &Parts) -> HeaderValue {
        challenge(&self.app.config, &parts.headers, parts.extensions.get().copied())
    }

    async fn read(&self, mut body: Body, bytes_max: usize) -> Result<Bytes, Failure> {
        let limits = &self.app.config.limits;
        let reading = async {
            let mut all = Vec::new();
            while let Some(frame) = body.frame().await {
                let cut_off = |_| Failure::Coded(ErrorCode::MalformedJson, "the body was cut off".to_owned());
                let Ok(data) = frame.map_err(cut_off)?.into_data() else { continue };
                if all.len() + data.len() > bytes_max {
                    edge::read_away(body).await;
                    return Err(edge::too_large(bytes_max));
                }
                all.extend_from_slice(&data);
            }
            Ok(Bytes::from(all))
        };
        let late =
            |_| Failure::Coded(ErrorCode::RequestTimeout, ErrorCode::RequestTimeout.meaning().to_owned());
        tokio::time::timeout(limits.body_timeout, reading).await.map_err(late)?
    }
}

/// A request that does not reach the protocol.
#[derive(Debug)]
struct Refused {
    failure: Failure,
    answer_to: Value,
    /// Where to get what was missing; for a 401.
    challenge: HeaderValue,
}

impl Refused {
    fn by(failure: Failure) -> Self {
        Self {
            failure,
            answer_to: Value::Null,
            challenge: HeaderValue::from_static("Bearer realm=\"engram\""),
        }
    }

    fn answering(self, answer_to: &Value) -> Self {
        Self { answer_to: answer_to.clone(), ..self }
    }

    fn challenging(self, challenge: HeaderValue) -> Self {
        Self { challenge, ..self }
    }

    /// Clients take a status other than 200 for a broken connection and do not read the body, so only what ends the
    /// conversation has one: nobody we know, and what is wrong with the HTTP request itself. The rest is for the
    /// protocol to tell.
    fn into_response(self, request: &RequestId) -> Response {
        let status = match &self.failure {
            Failure::Refused(_) if !matches!(self.failure.status(), 400 | 401 | 503) => StatusCode::OK,
            failure => StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let error = protocol_error(&self.failure, request);
        let mut response = rpc_answer(status, &self.answer_to, &error);
        let headers = response.headers_mut();
        if let Some(seconds) = self.failure.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, self.challenge);
        }
        if let Failure::Refused(refusal) = &self.failure
            && let Some(rate) = refusal.rate()
        {
            rate_headers(headers, rate);
        }
        response
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::by(failure)
    }
}

/// A page of another site must not speak for its visitor. Programs send no origin.
fn expect_known_origin(headers: &HeaderMap, origins: &Origins) -> Result<(), Failure> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("");
    if origins.allow(origin) {
        return Ok(());
    }
    let message =
        format!("pages of {origin:?} may not use this service; its operator can list them in cors.origins");
    Err(Failure::Coded(ErrorCode::Forbidden, message))
}

fn expect_json(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or("").split(';').next().unwrap_or("").trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("the body must be sent as application/json, not as {kind:?}");
    Err(Failure::Coded(ErrorCode::UnsupportedMediaType, message))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Arc<str>>, Failure> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.to_str().unwrap_or("");
    if key.trim().is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let rule = format!("must have 1-{IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters");
        return Err(Failure::field("Idempotency-Key", rule));
    }
    Ok(Some(key.into()))
}

/// Adds what the protocol library insists on and plain clients leave out: what they accept (one JSON answer is what
/// they get in any case), the content type, the host.
fn complete(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT, ACCEPTED);
    headers.insert(header::CONTENT_TYPE, APPLICATION_JSON);
    headers.entry(header::HOST).or_insert(NOWHERE);
}

/// The library answers some faults in plain text; here they become JSON-RPC errors too.
async fn in_json(response: Response, answer_to: &Value) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == APPLICATION_JSON);
    if is_json || response.status() == StatusCode::ACCEPTED {
        return response;
    }
    let status = response.status();
    let text = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let error = ErrorData::invalid_request("the message cannot be read as a JSON-RPC request", None);
            rpc_answer(StatusCode::BAD_REQUEST, answer_to, &error)
        }
        status if status.is_client_error() => {
            rpc_answer(status, answer_to, &ErrorData::invalid_request(text, None))
        }
        status => {
            tracing::error!(%status, text, "the protocol library gave no answer");
            let error = ErrorData::new(RpcCode::INTERNAL_ERROR, ErrorCode::Internal.meaning(), None);
            rpc_answer(StatusCode::INTERNAL_SERVER_ERROR, answer_to, &error)
        }
    }
}

fn rpc_answer(status: StatusCode, answer_to: &Value, error: &ErrorData) -> Response {
    json_answer(status.as_u16(), &json!({ "jsonrpc": "2.0", "id": answer_to, "error": error }))
}

fn with_rate(mut response: Response, rate: &RateState) -> Response {
    rate_headers(response.headers_mut(), rate);
    response
}

fn settle(visit: Visit, status: u16) {
    // What was done is nothing; the request itself is on record.
    let _ = visit.settle(Ok(Done::read((), None)), |()| status);
}
