//! A remote embedding model that comes and goes: writes succeed meanwhile, and catch up afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::routing::post;
use axum::{Json, Router};
use http::{Method, StatusCode};
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

const MEMORIES: usize = 2_000;

/// The tiny transformer of the embedding crate's tests.
fn with_transformer(config: &mut server::config::Config) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../embedding/tests/data/tiny-bert");
    config.embedding.provider = EmbeddingProvider::Local;
    config.embedding.model = Some(folder.to_owned());
}

/// The same data folder served anew by a transformer.
async fn reopened(house: House) -> House {
    house.app.shutdown().await;
    let mut config = house.app.config.clone();
    with_transformer(&mut config);
    let app = server::app::App::open_with_clock(config, house.clock.clone()).await.unwrap();
    House { router: app.router(), app, ..house }
}

async fn pending(house: &House) -> u64 {
    house.get("/v1/stats").await.expect(200)["pending_embeddings"].as_u64().unwrap()
}

/// Runs the job on its own task; searches go on until it ends or few enough memories wait. Returns how many searched.
async fn search_while_embedding(house: &House, enough: u64) -> usize {
    let job = JOBS.iter().find(|job| job.name == "embed_pending_memories").unwrap();
    let app = Arc::clone(&house.app);
    let run = tokio::spawn(async move { job.run_now(&app).await });
    let mut searches = 0;
    while !run.is_finished() {
        let word = ["cat", "dog", "banana"][searches % 3];
        let found =
            house.post("/v1/search", json!({"query": format!("the {word}"), "limit": 5})).await.expect(200);
        let items = found["items"].as_array().unwrap();
        assert_eq!(items.len(), 5, "{found}");
        assert!(items[0]["memory"]["content"].as_str().unwrap().contains(word), "{found}");
        searches += 1;
        if pending(house).await <= enough {
            run.abort();
        }
    }
    searches
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_model_embeds_everything_again_while_searches_go_on_and_survives_an_end_in_the_middle() {
    let house = House::new().await;
    for batch in 0..MEMORIES / 100 {
        let memory = |at: usize| {
            let number = batch * 100 + at;
            let word = ["cat", "dog", "banana", "car"][number % 4];
            json!({"content": format!("the {word} number {number} purrs and drives a red car")})
        };
        let memories: Vec<_> = (0..100).map(memory).collect();
        house.post("/v1/memories/batch", json!({"memories": memories})).await.expect(201);
    }
    let house = reopened(house).await;
    assert_eq!(house.get("/v1/stats").await.expect(200)["embedding_model"], "tiny-bert");
    assert_eq!(pending(&house).await, MEMORIES as u64, "vectors of the model before do not count");
    search_while_embedding(&house, MEMORIES as u64 - 300).await;
    let house = reopened(house).await;
    let left = pending(&house).await;
    assert!(left > 0 && left < MEMORIES as u64, "{left} wait after an end in the middle");
    let searches = search_while_embedding(&house, 0).await;
    assert!(searches > 0);
    // The last run may have been ended by the count reaching zero.
    assert_eq!(pending(&house).await, 0);
    assert_eq!(house.get("/v1/memories/1").await.expect(200)["embedding"], "ready");
}

/// Tenants that nobody asks for in the test below, and memories of each.
const RESTING: usize = 30;
const OF_EACH: usize = 10;

/// An endpoint that answers so many batches, and any number of single texts.
async fn endpoint_of_batches(left: Arc<AtomicUsize>) -> String {
    let answer = async move |Json(asked): Json<Value>| {
        let texts = asked["input"].as_array().map_or(1, Vec::len);
        let take = |left: usize| left.checked_sub(1);
        if texts > 1 && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": {"message": "down"}})));
        }
        let rows: Vec<_> = (0..texts).map(|at| json!({"index": at, "embedding": [0.6, 0.8]})).collect();
        (StatusCode::OK, Json(json!({ "data": rows })))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/embeddings", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The same data folder served anew, with the model at `url`.
async fn reopened_with(house: House, url: &str) -> House {
    house.app.shutdown().await;
    let mut config = house.app.config.clone();
    config.embedding.provider = EmbeddingProvider::OpenAi;
    config.embedding.url = Some(url.to_owned());
    config.embedding.model = Some("letters".to_owned());
    config.embedding.dimensions = Some(2);
    let app = server::app::App::open_with_clock(config, house.clock.clone()).await.unwrap();
    House { router: app.router(), app, ..house }
}

/// Runs the job on its own task until it ends; the default tenant searches meanwhile and always finds.
async fn embed_while_searching(house: &House) -> Result<(), String> {
    let job = JOBS.iter().find(|job| job.name == "embed_pending_memories").unwrap();
    let app = Arc::clone(&house.app);
    let run = tokio::spawn(async move { job.run_now(&app).await });
    loop {
        let found = house.post("/v1/search", json!({"query": "the harbour"})).await.expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
        if run.is_finished() {
            return run.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_model_reaches_tenants_nobody_asks_for_and_goes_on_after_a_restart() {
    let house = House::new().await;
    house.remember("the harbour opens at noon").await;
    let mut keys = Vec::new();
    for number in 0..RESTING {
        let key = house.another_tenant(&format!("resting-{number}")).await;
        let memories: Vec<_> = (0..OF_EACH).map(|at| json!({"content": format!("note {at}")})).collect();
        let batch = json!({ "memories": memories });
        house.ask_as(&key, Method::POST, "/v1/memories/batch", batch).await.expect(201);
        keys.push(key);
    }
    let left = Arc::new(AtomicUsize::new(12));
    let url = endpoint_of_batches(Arc::clone(&left)).await;
    let house = reopened_with(house, &url).await;
    let waiting = |house: &House| house.app.embedding_backlog.waiting();
    assert!(!waiting(&house).is_known);
    assert_eq!(house.app.fleet.stores_open(), 0);
    embed_while_searching(&house).await.unwrap();
    let (stores, memories) = (RESTING - 12, (RESTING - 12) * OF_EACH);
    assert_eq!((waiting(&house).stores, waiting(&house).memories), (stores as u64, memories as u64));
    assert_eq!(house.app.fleet.stores_open(), 1, "closed again, but for the one that searches");

    left.store(usize::MAX, Ordering::SeqCst);
    let house = reopened_with(house, &url).await;
    embed_while_searching(&house).await.unwrap();
    assert_eq!((waiting(&house).stores, waiting(&house).memories), (0, 0));
    assert_eq!(usize::MAX - left.load(Ordering::SeqCst), stores, "what was embedded before stays so");
    assert_eq!(house.app.fleet.stores_open(), 1);
    let model = house.app.vectors.model().unwrap();
    let mut settled = 0;
    for tenant in house.app.fleet.tenants_on_disk().unwrap() {
        settled += usize::from(house.app.fleet.pending_embeddings(&tenant, &model).await.unwrap() == Some(0));
    }
    assert_eq!(settled, RESTING);
    for key in keys {
        let stats = house.ask_as(&key, Method::GET, "/v1/stats", Value::Null).await.expect(200);
        assert_eq!((&stats["pending_embeddings"], &stats["memories"]), (&json!(0), &json!(OF_EACH)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_closed_store_waits_for_is_found_within_the_hour() {
    let house = House::new().await;
    let key = house.another_tenant("resting").await;
    let left = Arc::new(AtomicUsize::new(0));
    let url = endpoint_of_batches(Arc::clone(&left)).await;
    let house = reopened_with(house, &url).await;
    let run = async |name: &str| {
        house.clock.advance_ms(3_600_000);
        let job = JOBS.iter().find(|job| job.name == name).unwrap();
        job.run_now(&house.app).await.unwrap();
    };
    // Asked once while there was nothing to find.
    run("embed_pending_memories").await;
    assert!(house.app.embedding_backlog.waiting().is_known);
    let batch = json!({"memories": [{"content": "one"}, {"content": "two"}]});
    let stored = house.ask_as(&key, Method::POST, "/v1/memories/batch", batch).await.expect(201);
    assert_eq!(stored["items"][0]["embedding"], "pending", "{stored}");
    run("close_idle_stores").await;
    assert_eq!(house.app.fleet.stores_open(), 0);
    left.store(10, Ordering::SeqCst);
    // The endpoint is left alone for a while after it failed.
    for _ in 0..50 {
        run("embed_pending_memories").await;
        if left.load(Ordering::SeqCst) < 10 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(house.app.fleet.stores_open(), 0, "nobody asked for it");
    let stats = house.ask_as(&key, Method::GET, "/v1/stats", Value::Null).await.expect(200);
    assert_eq!((&stats["pending_embeddings"], &stats["memories"]), (&json!(0), &json!(2)));
}

#[tokio::test]
async fn a_model_that_cannot_be_used_stops_the_start_with_a_sentence() {
    for (model, dimensions, said) in [
        ("/nowhere/minilm", None, "no such folder"),
        (concat!(env!("CARGO_MANIFEST_DIR"), "/src"), None, "config.json is missing"),
        (
            concat!(env!("CARGO_MANIFEST_DIR"), "/../embedding/tests/data/tiny-bert"),
            Some(384),
            "embedding.dimensions",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = server::config::Config::dev(folder.path());
        config.embedding.provider = EmbeddingProvider::Local;
        config.embedding.model = Some(model.to_owned());
        config.embedding.dimensions = dimensions;
        let refused = server::app::App::open(config).await.unwrap_err().to_string();
        assert!(refused.contains(said), "{refused:?} does not say {said:?}");
    }
}

/// Run it alone: `cargo nextest run -p server --run-ignored only --no-capture embedding::figures`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
#[allow(clippy::print_stdout, reason = "a measurement is read by people")]
async fn figures() {
    const TENANTS: usize = 500;
    let house = House::new().await;
    house.remember("default's, about rivers").await;
    house.more_tenants(TENANTS, 50).await;
    let house = reopened(house).await;
    let search = async || {
        let asked = std::time::Instant::now();
        house.get("/v1/search?q=rivers").await.expect(200);
        let took = asked.elapsed().as_secs_f64() * 1e3;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        took
    };
    let told = |what: &str, mut took: Vec<f64>| {
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        println!(
            "{what}: {} searches, p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
            took.len(),
            at(0.5),
            at(0.95),
            at(0.99)
        );
    };
    let begun = std::time::Instant::now();
    let app = Arc::clone(&house.app);
    let embedding = tokio::spawn(async move {
        let job = JOBS.iter().find(|job| job.name == "embed_pending_memories").unwrap();
        loop {
            job.run_now(&app).await.unwrap();
            let waiting = app.embedding_backlog.waiting();
            println!(
                "after {:.1} s: {waiting:?}, {} stores open",
                begun.elapsed().as_secs_f64(),
                app.fleet.stores_open()
            );
            if waiting.memories == 0 {
                break;
            }
        }
    });
    let mut took = Vec::new();
    while !embedding.is_finished() {
        took.push(search().await);
    }
    println!("{TENANTS} tenants of 50 memories in {:.1} s", begun.elapsed().as_secs_f64());
    told("meanwhile", took);
    let mut alone = Vec::new();
    while alone.len() < 500 {
        alone.push(search().await);
    }
    told("afterwards", alone);
    let job = JOBS.iter().find(|job| job.name == "embed_pending_memories").unwrap();
    let later = async |what: &str| {
        house.clock.advance_ms(3_600_000);
        let begun = std::time::Instant::now();
        job.run_now(&house.app).await.unwrap();
        println!("to ask all closed stores {what}: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    };
    later("that changed").await;
    later("that did not").await;
}
