//! A pretended hub: a model is brought whole and proven, or not at all.

use std::fs;
use std::path::PathBuf;

use embedding::{ApiKey, Embedding, EmbeddingConfig, HubModel, LocalConfig};
use stdx::clock::SystemClock;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::transformer::tiny;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const FILES: [&str; 7] = [
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "vocab.txt",
    "model.safetensors",
];
/// `sha256sum tests/data/tiny-bert/model.safetensors`
const SHA256: &str = "bf2e5c4b3596d9bca81c57fad53332c6f201b27ba4763e018a5dac987ff8b291";

struct Cache(PathBuf);

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn cache() -> Cache {
    Cache(std::env::temp_dir().join(format!("engram-hub-{}", stdx::random::token(12))))
}

fn wanted(hub: &MockServer, cache: &Cache) -> HubModel {
    HubModel {
        name: "org/tiny".to_owned(),
        revision: "main".to_owned(),
        url: hub.uri(),
        cache: cache.0.clone(),
        token: Some(ApiKey::new("hf_secret")),
        proxy: None,
    }
}

/// A hub that answers as huggingface.co does: small files itself, the weights by a redirect to `storage`, with their
/// hash and size in the redirect.
async fn hub(storage: &MockServer, sha256: &str, weights: Vec<u8>) -> MockServer {
    let hub = MockServer::start().await;
    for file in FILES {
        // The first file is asked of the branch, the others of the commit it was found at.
        let revision = if file == "config.json" { "main" } else { COMMIT };
        let answer = if file == "model.safetensors" {
            ResponseTemplate::new(302)
                .insert_header("location", format!("{}/blob?signature=1", storage.uri()))
                .insert_header("x-linked-etag", format!("\"{sha256}\""))
                .insert_header("x-linked-size", fs::metadata(tiny().join(file)).unwrap().len().to_string())
        } else {
            ResponseTemplate::new(200).set_body_bytes(fs::read(tiny().join(file)).unwrap())
        };
        Mock::given(method("GET"))
            .and(path(format!("/org/tiny/resolve/{revision}/{file}")))
            .and(header("authorization", "Bearer hf_secret"))
            .respond_with(answer.insert_header("x-repo-commit", COMMIT))
            .mount(&hub)
            .await;
    }
    Mock::given(method("GET"))
        .and(path("/blob"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(weights))
        .mount(storage)
        .await;
    hub
}

fn weights() -> Vec<u8> {
    fs::read(tiny().join("model.safetensors")).unwrap()
}

#[tokio::test]
async fn a_model_is_brought_once_and_works() {
    let (storage, cache) = (MockServer::start().await, cache());
    let hub = hub(&storage, SHA256, weights()).await;
    let config = EmbeddingConfig::Local(LocalConfig::from_hub(wanted(&hub, &cache)));
    config.fetch().await.unwrap();
    let asked = hub.received_requests().await.unwrap().len();
    config.fetch().await.unwrap();
    assert_eq!(hub.received_requests().await.unwrap().len(), asked, "it is there already");
    let blobs = storage.received_requests().await.unwrap();
    assert_eq!(blobs.len(), 1);
    assert!(!blobs[0].headers.contains_key("authorization"), "the token is for the hub alone");
    let provider = Embedding::open(config, SystemClock::shared()).unwrap();
    let (brought, own) =
        (provider.identity().unwrap(), embedding::Transformer::read("org/tiny", &tiny()).unwrap().identity());
    assert_eq!(brought, own);
    let names: Vec<_> =
        fs::read_dir(cache.0.join("org--tiny")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["main"], "no litter");
}

async fn check_failure(sha256: &str, weights: Vec<u8>, said: &str) {
    let (storage, cache) = (MockServer::start().await, cache());
    let hub = hub(&storage, sha256, weights).await;
    let wanted = wanted(&hub, &cache);
    let words = wanted.fetch().await.unwrap_err().to_string();
    assert!(words.contains(said), "{words:?} does not say {said:?}");
    assert!(!words.contains("signature"), "{words}");
    assert!(!wanted.folder().exists(), "half a model is none");
    assert_eq!(fs::read_dir(cache.0.join("org--tiny")).unwrap().count(), 0, "no litter");
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_leaves_nothing() {
    let mut flipped = weights();
    flipped[5_000] ^= 1;
    check_failure(SHA256, flipped, "its SHA-256 is").await;
    check_failure(SHA256, weights()[..20_000].to_vec(), "20000 of").await;
    check_failure(SHA256, [weights(), vec![0]].concat(), "it goes on after").await;
}

#[tokio::test]
async fn a_hub_that_has_not_or_is_not_there_is_named() {
    let (hub, cache) = (MockServer::start().await, cache());
    let check = |words: String, said: &str| assert!(words.contains(said), "{words:?} does not say {said:?}");
    check(
        wanted(&hub, &cache).fetch().await.unwrap_err().to_string(),
        "there is no such model, revision or file",
    );
    let private = ResponseTemplate::new(401);
    Mock::given(method("GET")).respond_with(private).mount(&hub).await;
    check(wanted(&hub, &cache).fetch().await.unwrap_err().to_string(), "embedding.api_key");
    // A port of nobody's.
    let gone = HubModel { url: "http://127.0.0.1:1".to_owned(), ..wanted(&hub, &cache) };
    check(gone.fetch().await.unwrap_err().to_string(), "copy the model's folder here");
    let odd = HubModel { revision: "../..".to_owned(), ..wanted(&hub, &cache) };
    check(odd.fetch().await.unwrap_err().to_string(), "is no branch, tag or commit");
    let round = MockServer::start().await;
    let again = ResponseTemplate::new(302).insert_header("location", "/again");
    Mock::given(method("GET")).respond_with(again).mount(&round).await;
    check(wanted(&round, &cache).fetch().await.unwrap_err().to_string(), "redirects without end");
}

#[test]
fn names_of_a_hub_are_no_paths() {
    for (text, is_name) in [
        ("sentence-transformers/all-MiniLM-L6-v2", true),
        ("BAAI/bge-small-en-v1.5", true),
        ("/models/minilm", false),
        ("./minilm", false),
        ("../a", false),
        ("minilm", false),
        ("a/b/c", false),
        ("a/", false),
    ] {
        assert_eq!(HubModel::is_name(text), is_name, "{text}");
    }
}
