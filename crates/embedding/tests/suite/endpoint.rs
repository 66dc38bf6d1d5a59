//! A pretended OpenAI-compatible endpoint.

use std::sync::Arc;
use std::time::Duration;

use embedding::{Embedding, EmbeddingConfig, RemoteConfig, StaticModel};
use serde_json::{Value, json};
use stdx::clock::{ManualClock, SharedClock};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// Answers like a model whose vectors are those of the static model, times three, in reversed order.
pub(crate) struct HonestAnswer;

impl Respond for HonestAnswer {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let rows: Vec<Value> = inputs(request)
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let vector: Vec<f32> = StaticModel::shared().embed(text).iter().map(|x| x * 3.0).collect();
                json!({"object": "embedding", "index": index, "embedding": vector})
            })
            .rev()
            .collect();
        ResponseTemplate::new(200)
            .set_body_json(json!({"object": "list", "data": rows, "model": "pretended"}))
    }
}

/// The texts of a request.
pub(crate) fn inputs(request: &Request) -> Vec<String> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    serde_json::from_value(body["input"].clone()).unwrap()
}

/// A server that answers `answer` to the first `times` requests and honestly after that.
pub(crate) async fn server(times: u64, answer: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    let embeddings = || Mock::given(method("POST")).and(path("/v1/embeddings"));
    if times > 0 {
        embeddings().respond_with(answer).up_to_n_times(times).with_priority(1).mount(&server).await;
    }
    embeddings().respond_with(HonestAnswer).with_priority(2).mount(&server).await;
    server
}

/// Settings for tests: short waits, everything else as usual.
pub(crate) fn config(base_url: &str) -> RemoteConfig {
    RemoteConfig {
        request_timeout: Duration::from_millis(500),
        deadline: Duration::from_secs(20),
        query_deadline: Duration::from_secs(2),
        cool_down: Duration::from_secs(5),
        ..RemoteConfig::new(base_url, "pretended")
    }
}

/// A remote provider and the clock its circuit runs by.
pub(crate) fn remote(config: RemoteConfig) -> (Embedding, Arc<ManualClock>) {
    let clock = ManualClock::at(jiff::Timestamp::UNIX_EPOCH);
    let shared = Arc::clone(&clock) as SharedClock;
    (Embedding::open(EmbeddingConfig::Remote(config), shared).unwrap(), clock)
}
