//! The outermost layer: every request gets its id and its client's address here, and every answer its headers, a line
//! in the log and a metric, whatever happened inside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ErrorCode;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use gateway::Peer;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tenancy::{Environment, RequestId};
use tracing::Instrument;

use super::answer::no_rate_limit;
use super::client::{Client, Transport};
use super::{Arrival, error_answer};
use crate::app::App;
use crate::operations::Failure;
use crate::telemetry::{RequestNotes, begin_request, end_request, trace_id};

/// Longest id of a client's own that is repeated.
const CLIENT_ID_BYTES_MAX: usize = 128;
/// Browsers that met us by TLS come back by TLS for a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const X_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

/// The middleware around every other.
///
/// The work runs in a task of its own: a client that goes away in the middle gets no answer, but what it asked
/// for is finished, recorded and charged like any other request.
pub async fn arrive(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let arrival = Arrival { request: RequestId::at(app.clock.now()) };
    request.extensions_mut().insert(arrival);
    name_the_host(&mut request);
    let client = Client::of(request.headers(), request.extensions(), &app.config.proxy.trusted);
    if let Some(client) = client {
        request.extensions_mut().insert(Peer::Network(client.address));
        request.extensions_mut().insert(client.transport);
    }
    let work = tokio::spawn(answer_and_tell(app, arrival, client, started, request, next));
    // The inner layers catch panics of the work; it ends early only when the runtime does.
    let draining = || Failure::Coded(ErrorCode::Draining, ErrorCode::Draining.meaning().to_owned());
    work.await.unwrap_or_else(|_| error_answer(&draining(), &arrival.request))
}

async fn answer_and_tell(
    app: Arc<App>,
    arrival: Arrival,
    client: Option<Client>,
    started: Instant,
    request: Request,
    next: Next,
) -> Response {
    let client_id = client_id(request.headers());
    let (method, version) = (request.method().clone(), request.version());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);

    let notes = Arc::<RequestNotes>::default();
    // Whatever is logged on the way carries the id too; made at a level that no filter leaves out.
    let at_work = tracing::error_span!("at_work", request_id = %arrival.request);
    // Below it, so that whoever takes the current span along to another task takes both.
    let begun = || begin_request(request.headers(), method_label(&method), route, &arrival.request);
    let traced = at_work.in_scope(begun);
    let work = Arc::clone(&notes).scope(next.run(request)).instrument(traced.clone());
    let mut response = work.instrument(at_work).await;
    end_request(&traced, response.status(), &notes);
    let took = Took { all: started.elapsed(), provider: notes.provider_time() };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&arrival.request.to_string()) {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Ok(timing) = HeaderValue::from_str(&took.as_header()) {
        headers.insert(SERVER_TIMING, timing);
    }
    if let Some(id) = &client_id {
        headers.insert(X_CLIENT_REQUEST_ID, id.clone());
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    no_rate_limit(headers);
    if must_return_by_tls(app.config.service.environment, client) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    // HTTP/2 is told on the connection itself.
    if app.lifecycle.is_draining() && version <= Version::HTTP_11 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    measure(&method, route, response.status(), took.own());
    app.route_times.record(app.clock.now_ms(), route, took.own());
    app.history.note(route, response.status().as_u16(), took.own());
    let caller = notes.caller();
    tracing::info!(
        request_id = %arrival.request,
        tenant_id = caller.map(|caller| caller.tenant_id.as_str()),
        tenant_slug = caller.map(|caller| caller.tenant_slug.as_str()),
        user_id = caller.and_then(|caller| caller.user_id.as_deref()),
        client_request = client_id.as_ref().and_then(|id| id.to_str().ok()),
        client = client.map(|client| tracing::field::display(client.address)),
        method = method.as_str(),
        route,
        status = response.status().as_u16(),
        latency_ms = took.own().as_secs_f64() * 1e3,
        provider_ms = took.provider.as_secs_f64() * 1e3,
        error = notes.error(),
        trace_id = trace_id(&traced),
        "request"
    );
    response
}

/// HTTP/2 names the host in the address of the request instead of a header.
fn name_the_host(request: &mut Request) {
    let named = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = named {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
}

/// A developer's machine must stay reachable by plain HTTP under the names it has.
fn must_return_by_tls(environment: Environment, client: Option<Client>) -> bool {
    match environment {
        Environment::Dev => false,
        Environment::Staging | Environment::Prod => {
            client.is_some_and(|client| client.transport == Transport::Tls)
        }
    }
}

fn client_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let shown = id.to_str().is_ok_and(|id| !id.is_empty()) && id.len() <= CLIENT_ID_BYTES_MAX;
    shown.then(|| id.clone())
}

/// How long a request took, and how much of that it waited for the embedding provider.
#[derive(Debug, Clone, Copy)]
struct Took {
    all: Duration,
    provider: Duration,
}

impl Took {
    /// Our own part, which is what is promised.
    fn own(self) -> Duration {
        self.all.saturating_sub(self.provider)
    }

    /// Both parts, in milliseconds.
    fn as_header(self) -> String {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        format!("app;dur={:.3}, embedding;dur={:.3}", ms(self.own()), ms(self.provider))
    }
}

fn measure(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let route = route.to_owned();
    metrics::histogram!("engram_request_duration_seconds", "route" => route.clone())
        .record(took.as_secs_f64());
    metrics::counter!(
        "engram_requests_total",
        "route" => route,
        "method" => method_label(method),
        "status" => status.as_str().to_owned()
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
