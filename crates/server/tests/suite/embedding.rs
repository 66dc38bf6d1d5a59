//! A remote embedding model that comes and goes: writes succeed meanwhile, and catch up afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use server::config::EmbeddingProvider;
use server::jobs::JOBS;
use tokio::net::TcpListener;

use crate::house::House;

/// An endpoint that answers with vectors of the letters in a text, while it is up.
async fn endpoint(up: Arc<AtomicBool>) -> String {
    let answer = async move |Json(asked): Json<Value>| {
        if !up.load(Ordering::SeqCst) {
            return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": {"message": "down"}})));
        }
        let texts = asked["input"].as_array().cloned().unwrap_or_default();
        let rows = texts.iter().enumerate().map(|(index, text)| {
            let mut vector = [0.1; 8];
            for byte in text.as_str().unwrap().bytes() {
                vector[usize::from(byte % 8)] += 1.0;
            }
            json!({"index": index, "embedding": vector})
        });
        (StatusCode::OK, Json(json!({"data": rows.collect::<Vec<_>>()})))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/embeddings", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn memories_wait_for_a_model_that_is_down_and_are_found_by_words_meanwhile() {
    let up = Arc::new(AtomicBool::new(false));
    let url = endpoint(Arc::clone(&up)).await;
    let house = House::with(|config| {
        config.embedding.provider = EmbeddingProvider::OpenAi;
        config.embedding.url = Some(url);
        config.embedding.model = Some("letters".to_owned());
        config.embedding.query_timeout = Some(std::time::Duration::from_millis(500));
        config.embedding.timeout = Some(std::time::Duration::from_millis(500));
    })
    .await;
    let stored = house.post("/v1/memories", json!({"content": "the cat sat on the mat"})).await.expect(201);
    assert_eq!(stored["embedding"], "pending");
    let found = house.post("/v1/search", json!({"query": "cat"})).await.expect(200);
    assert_eq!(found["items"][0]["memory"]["id"], stored["id"]);
    let filtered = house.get("/v1/memories?filters=%7B%22embedding%22%3A%22pending%22%7D").await.expect(200);
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        house.get("/ready").await.expect(200)["status"],
        "ready",
        "a model that is down takes nobody out of service"
    );

    up.store(true, Ordering::SeqCst);
    let job = JOBS.iter().find(|job| job.name == "embed_pending_memories").unwrap();
    for _ in 0..50 {
        // The endpoint is left alone for a while after it failed.
        house.clock.advance_ms(10_000);
        let _ = job.run_now(&house.app).await;
        if house.get("/v1/memories/1").await.expect(200)["embedding"] == "ready" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(house.get("/v1/memories/1").await.expect(200)["embedding"], "ready");
    assert_eq!(house.get("/v1/stats").await.expect(200)["embedding_model"], "letters");
    let fresh = house.post("/v1/memories", json!({"content": "a dog"})).await.expect(201);
    assert_eq!(fresh["embedding"], "ready");
}

#[tokio::test]
async fn a_change_of_model_is_noticed_and_everything_embedded_again() {
    let house = House::new().await;
    house.remember("the cat sat on the mat").await;
    house.app.shutdown().await;
    let url = endpoint(Arc::new(AtomicBool::new(true))).await;
    let mut config = house.app.config.clone();
    config.embedding.provider = EmbeddingProvider::OpenAi;
    config.embedding.url = Some(url);
    config.embedding.model = Some("letters".to_owned());
    config.embedding.dimensions = Some(8);
    let app = server::app::App::open(config).await.unwrap();
    let house = House { router: app.router(), app, ..house };
    assert_eq!(house.get("/v1/memories/1").await.expect(200)["embedding"], "pending");
    let job = JOBS.iter().find(|job| job.name == "embed_pending_memories").unwrap();
    job.run_now(&house.app).await.unwrap();
    assert_eq!(house.get("/v1/memories/1").await.expect(200)["embedding"], "ready");
}
