//! `/metrics`: there from the start, bounded, and honest about where time went.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use http::Method;
use serde_json::{Value, json};
use server::config::EmbeddingProvider;
use server::telemetry::{Kind, METRICS};
use tokio::net::TcpListener;

use crate::house::House;

/// How long the slow endpoint thinks; far beyond what storing one memory takes.
const THINKING: Duration = Duration::from_millis(1_500);

/// An embedding endpoint that thinks before it answers.
async fn slow_endpoint() -> String {
    let answer = async |Json(asked): Json<Value>| {
        tokio::time::sleep(THINKING).await;
        let texts = asked["input"].as_array().map_or(1, Vec::len);
        let rows: Vec<_> = (0..texts).map(|at| json!({"index": at, "embedding": [0.6, 0.8]})).collect();
        Json(json!({ "data": rows }))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/embeddings", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The milliseconds of one part of a `Server-Timing` header.
fn part(header: &str, name: &str) -> f64 {
    let part = header.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix(";dur="));
    part.unwrap_or_else(|| panic!("no {name} in {header:?}")).parse().unwrap()
}

/// Names of the series, with their labels.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test]
async fn the_time_of_the_embedding_provider_is_measured_apart() {
    let url = slow_endpoint().await;
    let house = House::with(|config| {
        config.embedding.provider = EmbeddingProvider::OpenAi;
        config.embedding.url = Some(url);
        config.embedding.model = Some("slow".to_owned());
    })
    .await;
    let thinking_ms = THINKING.as_secs_f64() * 1e3;
    let rest = house.post("/v1/memories", json!({"content": "the cat sat on the mat"})).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "memory_create", "arguments": {"content": "a dog"}}});
    let mcp = house.post("/v1/mcp", call).await;
    for answer in [rest, mcp] {
        assert!(answer.status < 300, "{}", answer.text);
        let timing = answer.header("server-timing");
        assert!(part(timing, "embedding") >= thinking_ms, "{timing}");
        assert!(part(timing, "app") < thinking_ms, "the provider is not in our own time: {timing}");
    }
    let text = house.get("/metrics").await.text;
    let sum = |name: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}_sum")));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    assert!(sum("engram_embedding_duration_seconds") >= 2.0 * THINKING.as_secs_f64());
    assert!(sum("engram_request_duration_seconds") < 2.0 * THINKING.as_secs_f64(), "{text}");
}

#[tokio::test]
async fn every_metric_is_there_before_anything_happened() {
    let house = House::new().await;
    let text = house.get("/metrics").await.text;
    for metric in METRICS {
        let line = match metric.kind {
            Kind::Histogram => format!("# TYPE {} histogram", metric.name),
            Kind::Counter => format!("# TYPE {} counter", metric.name),
            Kind::Gauge => format!("# TYPE {} gauge", metric.name),
        };
        assert!(text.contains(&line), "{line} is missing");
    }
    for series in [
        r#"engram_requests_total{route="/v1/search",method="POST",status="500"} 0"#,
        r#"engram_requests_total{route="/v1/mcp",method="POST",status="503"} 0"#,
        r#"engram_auth_failures_total{reason="expired"} 0"#,
        r#"engram_rate_limited_total{class="search"} 0"#,
        r#"engram_quota_exceeded_total{metric="memories"} 0"#,
        r#"engram_backups_total{result="failed"} 0"#,
        r#"engram_job_failures_total{job="delete_tenants"} 0"#,
        "engram_usage_flush_failures_total 0",
        "engram_db_open_failures_total 0",
    ] {
        assert!(text.contains(series), "{series} is missing");
    }
}

#[tokio::test]
async fn the_promise_of_250_ms_has_a_bucket_of_its_own() {
    let house = House::new().await;
    house.remember("anything").await;
    let text = house.get("/metrics").await.text;
    let bucket = r#"engram_request_duration_seconds_bucket{route="/v1/memories",le="0.25"}"#;
    assert!(text.contains(bucket), "{text}");
    assert!(text.contains(r#"le="0.5"}"#), "the alert of 500 ms has one too");
}

#[tokio::test]
async fn what_callers_make_up_makes_no_series() {
    let house = House::new().await;
    let key = house.another_tenant("made-up").await;
    let odd = async |at: usize| {
        house.get(&format!("/v1/no-such-path/{at}")).await;
        house.get(&format!("/v1/memories/{at}")).await;
        house
            .ask(Method::from_bytes(format!("VERB{at}").as_bytes()).unwrap(), "/v1/memories", Value::Null)
            .await;
        house.ask_as(&format!("eng_live_{at}"), Method::GET, "/v1/stats", Value::Null).await;
        house.ask_as(&key, Method::POST, "/v1/memories", json!({"content": format!("memory {at}")})).await;
        house.ask_as(&key, Method::POST, "/v1/search", json!({"query": format!("memory {at}")})).await;
        let call = json!({"jsonrpc": "2.0", "id": at, "method": format!("method-{at}"), "params": {}});
        house.post("/v1/mcp", call).await;
    };
    odd(1).await;
    let before = series(&house.get("/metrics").await.text);
    for at in 2..20 {
        house.another_tenant(&format!("made-up-{at}")).await;
        odd(at).await;
    }
    let after = series(&house.get("/metrics").await.text);
    // Other tests of this process may meet statuses of their own meanwhile; nothing may carry a name from here.
    let grown: Vec<_> = after.difference(&before).filter(|name| !name.contains("status=")).collect();
    assert!(grown.len() < 18, "grows with what callers send: {grown:?}");
    let told =
        after.iter().find(|name| name.contains("made-up") || name.contains("VERB") || name.contains("eng_"));
    assert_eq!(told, None);
    let tenants = after.iter().filter(|name| name.contains("tenant_id=") || name.contains("ten_"));
    assert_eq!(tenants.count(), 0, "no series belongs to a tenant");
}
