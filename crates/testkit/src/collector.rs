//! A collector of traces for tests: takes OTLP in protobuf over HTTP on a free port, decodes it, and can be told to
//! refuse.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tokio::runtime::Runtime;

/// A running collector; stopped when dropped.
#[derive(Debug)]
pub struct Collector {
    port: u16,
    taken: Arc<Mutex<Taken>>,
    running: Option<Runtime>,
}

/// What came in, and what is to be answered.
#[derive(Debug, Default)]
struct Taken {
    spans: Vec<Span>,
    posts: Vec<BTreeMap<String, String>>,
    refuse_with: Option<u16>,
}

/// A span as it was received; ids in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it is called.
    pub name: String,
    /// Whose trace it belongs to.
    pub trace_id: String,
    /// Its own.
    pub id: String,
    /// The span above it; empty for the first of a trace.
    pub parent_id: String,
    /// As OTLP numbers them; 2 is a server's.
    pub kind: i32,
    /// Whether it is told to have failed.
    pub failed: bool,
    /// Nanoseconds since 1970.
    pub started_ns: u64,
    /// Nanoseconds since 1970.
    pub ended_ns: u64,
    /// Events in it.
    pub events: usize,
    /// What it tells, as text.
    pub attributes: BTreeMap<String, String>,
    /// What is told of the process.
    pub resource: BTreeMap<String, String>,
}

impl Collector {
    /// Starts one.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let taken = Arc::<Mutex<Taken>>::default();
        runtime.spawn(listen(listener, Arc::clone(&taken)));
        Self { port, taken, running: Some(runtime) }
    }

    /// Its base URL.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything received so far.
    pub fn spans(&self) -> Vec<Span> {
        self.lock().spans.clone()
    }

    /// The headers of each post so far, refused ones too.
    pub fn posts(&self) -> Vec<BTreeMap<String, String>> {
        self.lock().posts.clone()
    }

    /// From now on answers with this status and keeps nothing; `None`: takes what comes.
    pub fn refuse_with(&self, status: Option<u16>) {
        self.lock().refuse_with = status;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().expect("nobody panics with it")
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // A runtime may not be waited for inside another.
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}

async fn listen(listener: TcpListener, taken: Arc<Mutex<Taken>>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        let taken = Arc::clone(&taken);
        let service = service_fn(move |request| take(request, Arc::clone(&taken)));
        tokio::spawn(async move {
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn take(
    request: Request<Incoming>,
    taken: Arc<Mutex<Taken>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()));
    let mut taken = taken.lock().expect("nobody panics with it");
    taken.posts.push(headers.collect());
    let mut response = Response::new(Full::default());
    *response.status_mut() = match (taken.refuse_with, ExportTraceServiceRequest::decode(body)) {
        (Some(status), _) => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        (None, _) if parts.uri.path() != "/v1/traces" => StatusCode::NOT_FOUND,
        (None, Err(_)) => StatusCode::BAD_REQUEST,
        (None, Ok(told)) => {
            taken.spans.extend(spans_of(told));
            StatusCode::OK
        }
    };
    Ok(response)
}

fn spans_of(told: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for group in told.resource_spans {
        let resource = texts(&group.resource.unwrap_or_default().attributes);
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                name: span.name,
                trace_id: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                kind: span.kind,
                // 2 is OTLP's word for an error.
                failed: span.status.is_some_and(|status| status.code == 2),
                started_ns: span.start_time_unix_nano,
                ended_ns: span.end_time_unix_nano,
                events: span.events.len(),
                attributes: texts(&span.attributes),
                resource: resource.clone(),
            });
        }
    }
    spans
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
