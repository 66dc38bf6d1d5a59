//! What a plan lets a tenant store and ask: refused at the edge of it, never one beyond, and raised at run time.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use server::config::Enforcement;

use crate::house::House;

async fn house(quotas: Enforcement) -> House {
    House::with(|config| config.limits.quotas = quotas).await
}

impl House {
    /// Gives the default tenant limits of its own.
    async fn limit(&self, limits: Value) {
        let body = json!({ "tenant": "default", "limits": limits });
        self.ask_locally(Method::POST, "/plans", body).await.expect(200);
    }
}

fn text(n: usize) -> Value {
    json!({ "content": format!("note number {n}") })
}

#[tokio::test]
async fn two_hundred_at_once_store_exactly_what_the_plan_allows() {
    let house = Arc::new(house(Enforcement::Enforced).await);
    house.limit(json!({ "memories": 50 })).await;
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..200 {
        let house = Arc::clone(&house);
        callers.spawn(async move { house.ask(Method::POST, "/v1/memories", text(n)).await });
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 50);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 402).collect();
    assert_eq!(refused.len(), 150);
    let body: Value = serde_json::from_str(&refused[0].text).unwrap();
    assert_eq!(
        (&body["error"], &body["metric"], &body["current"], &body["limit"]),
        (&json!("quota_exceeded"), &json!("memories"), &json!(50), &json!(50))
    );
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 50);
}

#[tokio::test]
async fn a_batch_is_all_or_none_and_reads_deletes_and_a_larger_plan_go_on() {
    let house = house(Enforcement::Enforced).await;
    house.limit(json!({ "memories": 5 })).await;
    let batch = |count: usize| json!({ "memories": (0..count).map(text).collect::<Vec<_>>() });
    house.ask(Method::POST, "/v1/memories/batch", batch(4)).await.expect(201);
    let refused = house.ask(Method::POST, "/v1/memories/batch", batch(2)).await.expect(402);
    assert_eq!((&refused["current"], &refused["limit"]), (&json!(4), &json!(5)));
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 4);
    house.ask(Method::POST, "/v1/memories", text(9)).await.expect(201);
    house.ask(Method::POST, "/v1/memories", text(10)).await.expect(402);
    house.ask(Method::POST, "/v1/search", json!({ "query": "note" })).await.expect(200);
    house.ask(Method::PATCH, "/v1/memories/1", json!({ "importance": 0.9 })).await.expect(200);
    assert_eq!(house.ask(Method::DELETE, "/v1/memories/1", Value::Null).await.status, 204);
    house.ask(Method::POST, "/v1/memories", text(10)).await.expect(201);
    house.limit(json!({ "memories": 6 })).await;
    house.ask(Method::POST, "/v1/memories", text(11)).await.expect(201);
    house.ask(Method::POST, "/v1/memories", text(12)).await.expect(402);
}

#[tokio::test]
async fn workspaces_and_bytes_are_bounded_too() {
    let house = house(Enforcement::Enforced).await;
    house.limit(json!({ "workspaces": 1 })).await;
    let in_workspace = |name: &str| json!({ "content": "x", "workspace": name });
    house.ask(Method::POST, "/v1/memories", in_workspace("a")).await.expect(201);
    let refused = house.ask(Method::POST, "/v1/memories", in_workspace("b")).await.expect(402);
    assert_eq!(refused["metric"], "workspaces");
    house.ask(Method::POST, "/v1/memories", in_workspace("a")).await.expect(201);

    house.limit(json!({ "workspaces": null, "storage_bytes": 400_000 })).await;
    let mut stored = 0;
    let refused = loop {
        let content = format!("{stored} {}", "lorem ipsum dolor ".repeat(600));
        let answer = house.ask(Method::POST, "/v1/memories", json!({ "content": content })).await;
        match answer.status {
            201 => stored += 1,
            _ => break answer.expect(402),
        }
    };
    assert!((5..40).contains(&stored), "{stored}");
    assert_eq!((&refused["metric"], &refused["limit"]), (&json!("storage_bytes"), &json!(400_000)));
    assert!(refused["current"].as_u64().unwrap() <= 400_000);
    let all = house.ask(Method::POST, "/v1/memories/delete", json!({ "filters": {} })).await.expect(200);
    assert_eq!(all["count"], stored + 2);
    house.ask(Method::POST, "/v1/memories", text(0)).await.expect(201);
}

#[tokio::test]
async fn usage_shows_what_is_used_of_each_limit() {
    let house = house(Enforcement::Enforced).await;
    house.limit(json!({ "memories": 2, "api_calls_per_day": 100 })).await;
    for (workspace, status) in [("a", 201), ("b", 201), ("c", 402)] {
        let body = json!({ "content": "x", "workspace": workspace });
        house.post("/v1/memories", body).await.expect(status);
    }
    let usage = house.get("/v1/usage").await.expect(200);
    let current = &usage["current"];
    assert_eq!((&current["memories"], &current["workspaces"]), (&json!(2), &json!(2)));
    assert_eq!(current["api_calls_today"], 2, "a refusal is not charged");
    assert!(current["storage_bytes"].as_u64().unwrap() > 4_096);
    assert_eq!((&usage["limits"]["memories"], &usage["limits"]["workspaces"]), (&json!(2), &Value::Null));
}

#[tokio::test]
async fn what_repeats_or_replaces_is_not_refused() {
    let house = house(Enforcement::Enforced).await;
    house.limit(json!({ "memories": 1 })).await;
    let keyed = |content: &str| json!({ "content": content, "custom_id": "k" });
    let create = |body: Value| {
        let request = http::Request::post("/v1/memories")
            .header("authorization", format!("Bearer {}", house.key))
            .header("content-type", "application/json")
            .header("idempotency-key", "once");
        house.send(request.body(axum::body::Body::from(body.to_string())).unwrap())
    };
    let first = create(keyed("old")).await.expect(201);
    assert_eq!(create(keyed("old")).await.expect(201)["id"], first["id"]);
    house.post("/v1/memories", keyed("new")).await.expect(200);
    house.post("/v1/memories", text(1)).await.expect(402);
}

#[tokio::test]
async fn an_agent_hears_of_a_quota_as_such() {
    let house = house(Enforcement::Enforced).await;
    house.limit(json!({ "memories": 0 })).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "memory_create", "arguments": { "content": "x" } }
    });
    let answer = house.ask(Method::POST, "/v1/mcp", call).await.expect(200);
    assert_eq!(answer["error"]["code"], -32004);
    assert_eq!(answer["error"]["data"]["error"], "quota_exceeded");
}

#[tokio::test]
async fn calls_of_a_day_run_out_and_soft_quotas_refuse_nobody() {
    let strict = house(Enforcement::Enforced).await;
    strict.limit(json!({ "api_calls_per_day": 2 })).await;
    for _ in 0..2 {
        strict.get("/v1/stats").await.expect(200);
    }
    let refused = strict.get("/v1/stats").await.expect(402);
    assert_eq!(refused["metric"], "api_calls_per_day");
    strict.get("/v1/usage").await.expect(200);

    let soft = house(Enforcement::Soft).await;
    soft.limit(json!({ "memories": 1, "api_calls_per_day": 1 })).await;
    for n in 0..3 {
        soft.ask(Method::POST, "/v1/memories", text(n)).await.expect(201);
    }
    let metrics = soft.get("/metrics").await.text;
    let counted = |metric: &str| {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("engram_quota_exceeded_total{{metric=\"{metric}\"")));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
    };
    assert!(counted("memories") >= 2.0 && counted("api_calls_per_day") >= 2.0, "{metrics}");
}
