//! `/v1/export` and `/v1/import`: what goes out comes back the same, and what is bad changes nothing.

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Value, json};
use server::config::Enforcement;

use crate::house::{Answer, House};

async fn export(house: &House, key: &str) -> String {
    let answer = house.ask_as(key, Method::GET, "/v1/export", Value::Null).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    answer.text
}

async fn import(house: &House, key: &str, query: &str, lines: String) -> Answer {
    let request = Request::post(format!("/v1/import{query}"))
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/x-ndjson");
    house.send(request.body(Body::from(lines)).unwrap()).await
}

/// The lines between the first, which tells when it was made, and the last.
fn memories(lines: &str) -> Vec<&str> {
    let all: Vec<_> = lines.lines().collect();
    all[1..all.len() - 1].to_vec()
}

#[tokio::test]
async fn what_is_exported_is_imported_with_its_ids_versions_and_times() {
    let house = House::new().await;
    let other = house.another_tenant("other").await;
    let changed = house.remember("the first text").await;
    house.clock.advance_ms(1_000);
    house.patch(&format!("/v1/memories/{changed}"), json!({"content": "the second text"})).await.expect(200);
    let gone = house.remember("soon gone").await;
    house
        .post("/v1/memories", json!({"content": "ünïcode \u{1F600}", "custom_id": "c", "tags": ["t"]}))
        .await
        .expect(201);
    house.delete(&format!("/v1/memories/{gone}")).await.expect(204);
    let lines = export(&house, &house.key).await;

    house.clock.advance_ms(5_000);
    let stored = import(&house, &other, "", lines.clone()).await.expect(200);
    assert_eq!((&stored["memories"], &stored["versions"]), (&json!(2), &json!(3)), "{stored}");
    assert_eq!(memories(&export(&house, &other).await), memories(&lines));
    let history =
        house.ask_as(&other, Method::GET, &format!("/v1/memories/{changed}/history"), Value::Null).await;
    assert_eq!(history.expect(200)["items"][1]["memory"]["content"], "the first text");
    let found = house.ask_as(&other, Method::GET, "/v1/search?q=second", Value::Null).await.expect(200);
    assert_eq!(found["items"][0]["memory"]["id"], changed);

    let again = import(&house, &other, "?ids=keep", lines.clone()).await.expect(200);
    assert_eq!((&again["memories"], &again["already_there"]), (&json!(0), &json!(2)), "{again}");
    let beside =
        import(&house, &other, "?ids=renumber", lines.replace("\"custom_id\":\"c\"", "\"custom_id\":\"d\""))
            .await;
    assert_eq!(beside.expect(200)["memories"], 2);
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_is_stored() {
    let house = House::new().await;
    let other = house.another_tenant("other").await;
    for n in 0..3 {
        house.remember(&format!("memory {n}")).await;
    }
    let lines = export(&house, &house.key).await;
    let at = lines.lines().position(|line| line.contains("memory 1")).unwrap();
    let (second, number) = (lines.lines().nth(at).unwrap(), at + 1);
    for (bad, part) in [
        (String::new(), "line 1".to_owned()),
        ("no export".to_owned(), "line 1".to_owned()),
        (lines.replace("memory 1", " "), format!("line {number}.content")),
        (lines.replace(second, "{}"), format!("line {number}")),
        (lines[..lines.trim_end().rfind('\n').unwrap() + 1].to_owned(), "line ".to_owned()),
    ] {
        let told = import(&house, &other, "", bad).await.expect_error(400, "invalid_request");
        assert!(told["message"].as_str().unwrap().contains(&part), "{part} in {told}");
    }
    import(&house, &other, "?ids=odd", lines).await.expect_problems(&["ids"]);
    let left = house.ask_as(&other, Method::GET, "/v1/memories", Value::Null).await.expect(200);
    assert_eq!(left["items"], json!([]));
}

#[tokio::test]
async fn an_import_may_be_larger_than_other_bodies_and_brings_nothing_erased_back() {
    let house = House::with(|config| config.limits.body_bytes = 64 * 1024).await;
    let text = "a long line of words ".repeat(1_000);
    let ids: Vec<i64> = {
        let mut ids = Vec::new();
        for n in 0..20 {
            ids.push(house.remember(&format!("{n} {text}")).await);
        }
        ids
    };
    let lines = export(&house, &house.key).await;
    assert!(lines.len() > 256 * 1024);
    house.delete(&format!("/v1/memories/{}?erase=true", ids[3])).await.expect(204);
    house.delete(&format!("/v1/memories/{}", ids[4])).await.expect(204);
    import(&house, &house.key, "", lines).await.expect(200);
    house.get(&format!("/v1/memories/{}", ids[3])).await.expect_error(404, "memory_not_found");
    house.get(&format!("/v1/memories/{}", ids[4])).await.expect(200);
    let large = json!({ "content": "x".repeat(70_000) });
    house.post("/v1/memories", large).await.expect_error(413, "body_too_large");
}

#[tokio::test]
async fn an_import_that_stops_half_way_is_counted_as_far_as_it_came() {
    let house = House::with(|config| config.limits.quotas = Enforcement::Enforced).await;
    let other = house.another_tenant("other").await;
    for batch in 0..6 {
        let memory = |n: usize| json!({"content": format!("memory {n} of batch {batch}")});
        let body = json!({ "memories": (0..100).map(memory).collect::<Vec<_>>() });
        house.post("/v1/memories/batch", body).await.expect(201);
    }
    let lines = export(&house, &house.key).await;
    let plan = json!({"tenant": "other", "limits": {"memories": 500}});
    house.ask_locally(Method::POST, "/plans", plan).await.expect(200);

    import(&house, &other, "", lines).await.expect_error(402, "quota_exceeded");
    let stats = house.ask_as(&other, Method::GET, "/v1/stats", Value::Null).await.expect(200);
    assert!((1..=500).contains(&stats["memories"].as_u64().unwrap()), "{stats}");
    let usage = house.ask_as(&other, Method::GET, "/v1/usage", Value::Null).await.expect(200);
    assert_eq!(usage["items"][0]["memories_created"], stats["memories"], "{usage}");
    assert!(usage["items"][0]["storage_bytes"].as_i64().unwrap() > 0, "{usage}");
}
