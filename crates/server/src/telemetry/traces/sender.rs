//! Posts batches of spans to a collector (OTLP in protobuf over HTTP), and gives up before anybody suffers.

use std::time::Duration;

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use reqwest::Client;
use reqwest::redirect::Policy;
use stdx::backoff::Backoff;

use crate::config::TraceSettings;

/// Times one batch is sent before it is given up.
const TRIES_MAX: u32 = 3;
/// The longest pause after the first try; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The way to one collector.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    url: String,
    resource: ResourceAttributesWithSchema,
    collector: Collector,
}

/// What the collector did with the last batch; only a change is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collector {
    Takes,
    Fails,
}

/// Why a batch was not taken.
enum Refusal {
    ForNow(String),
    ForGood(String),
}

impl Sender {
    pub(super) fn new(url: String, settings: &TraceSettings, resource: &Resource) -> Self {
        let client = Client::builder()
            .default_headers(headers(settings))
            .timeout(settings.timeout)
            // A redirect would carry the headers, which hold a key, to a place nobody configured.
            .redirect(Policy::none())
            // Only the configuration reads the environment.
            .no_proxy()
            .user_agent("engram")
            .build()
            .unwrap_or_default();
        Self { client, url, resource: resource.into(), collector: Collector::Takes }
    }

    /// Sends a batch, a few times if need be; one that is not taken is lost, and counted.
    pub(super) async fn send(&mut self, batch: Vec<SpanData>) {
        if batch.is_empty() {
            return;
        }
        let spans = batch.len() as u64;
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        match self.try_to_post(body).await {
            Ok(refused) => {
                let refused = refused.min(spans);
                metrics::counter!("engram_trace_spans_sent_total").increment(spans - refused);
                lost("refused", refused);
                if std::mem::replace(&mut self.collector, Collector::Takes) == Collector::Fails {
                    tracing::info!("traces reach the collector again");
                }
            }
            Err(why) => {
                lost("collector", spans);
                if std::mem::replace(&mut self.collector, Collector::Fails) == Collector::Takes {
                    tracing::warn!(why, "traces do not reach the collector and are lost until they do");
                }
            }
        }
    }

    async fn try_to_post(&self, body: Bytes) -> Result<u64, String> {
        let mut pauses = Backoff::new(PAUSE, PAUSE_MAX);
        loop {
            match self.post(body.clone()).await {
                Ok(refused) => return Ok(refused),
                Err(Refusal::ForGood(why)) => return Err(why),
                Err(Refusal::ForNow(why)) if pauses.attempts() + 1 >= TRIES_MAX => return Err(why),
                Err(Refusal::ForNow(_)) => tokio::time::sleep(pauses.next_delay()).await,
            }
        }
    }

    /// Posts once; how many of the spans the collector did not want.
    async fn post(&self, body: Bytes) -> Result<u64, Refusal> {
        let sent = self.client.post(&self.url).body(body).send().await;
        let answer = sent.map_err(|error| Refusal::ForNow(in_words(&error)))?;
        match answer.status() {
            StatusCode::OK => Ok(refused_of(&answer.bytes().await.unwrap_or_default())),
            accepted if accepted.is_success() => Ok(0),
            // The list is the protocol's.
            later @ (StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT) => Err(Refusal::ForNow(later.to_string())),
            never => Err(Refusal::ForGood(never.to_string())),
        }
    }
}

fn headers(settings: &TraceSettings) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    for (name, value) in &settings.headers {
        let value = HeaderValue::try_from(value.reveal());
        if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

fn refused_of(answer: &[u8]) -> u64 {
    let told = ExportTraceServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
    told.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0))
}

fn lost(reason: &'static str, spans: u64) {
    metrics::counter!("engram_trace_spans_lost_total", "reason" => reason).increment(spans);
}

/// The cause at the bottom, which says more than "error sending request".
fn in_words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}
