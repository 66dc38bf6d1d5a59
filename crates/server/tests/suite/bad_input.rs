//! Bad input: every kind of it is a clear error of the one shape, and nothing is written.

use axum::body::{Body, Bytes};
use http::{Method, Request, header};
use serde_json::{Value, json};

use crate::house::{Answer, House};

async fn post_raw(house: &House, path: &str, kind: Option<&str>, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header(header::AUTHORIZATION, format!("Bearer {}", house.key));
    let request = match kind {
        Some(kind) => request.header(header::CONTENT_TYPE, kind),
        None => request,
    };
    house.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn every_wrong_field_of_a_memory_is_named_and_nothing_is_written() {
    let house = House::new().await;
    for (body, fields) in [
        (json!({}), &["content"][..]),
        (json!({"content": null}), &["content"]),
        (json!({"content": " \n"}), &["content"]),
        (json!({"content": 5}), &["content"]),
        (json!({"content": "x".repeat(65_537)}), &["content"]),
        (json!({"content": "x", "importance": 7}), &["importance"]),
        (json!({"content": "x", "importance": "high"}), &["importance"]),
        (json!({"content": "x", "kind": "No Such Kind!"}), &["kind"]),
        (json!({"content": "x", "tier": "weekly"}), &["tier"]),
        (json!({"content": "x", "tags": "a"}), &["tags"]),
        (json!({"content": "x", "tags": ["a", 1, ""]}), &["tags[1]"]),
        (json!({"content": "x", "tags": vec!["t"; 33]}), &["tags"]),
        (json!({"content": "x", "metadata": []}), &["metadata"]),
        (json!({"content": "x", "metadata": {"a": "y".repeat(17_000)}}), &["metadata"]),
        (json!({"content": "x", "workspace": "a/b"}), &["workspace"]),
        (json!({"content": "x", "user_id": "u".repeat(257)}), &["user_id"]),
        (json!({"content": "x", "expires_at": "2001-01-01T00:00:00Z"}), &["expires_at"]),
        (json!({"content": "x", "event_time": "yesterday"}), &["event_time"]),
        (json!({"content": "x", "superseded_by": 0}), &["superseded_by"]),
        (json!({"content": "x", "id": 5, "colour": "red"}), &["id", "colour"]),
        (
            json!({"content": "", "importance": 7, "tags": [" "], "colour": 1, "limit": "10"}),
            &["content", "importance", "tags[0]", "colour", "limit"],
        ),
        (json!([{"content": "x"}]), &["body"]),
        (json!("x"), &["body"]),
    ] {
        house.post("/v1/memories", body).await.expect_problems(fields);
    }
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 0);
}

#[tokio::test]
async fn bodies_that_are_no_json_say_why() {
    let house = House::new().await;
    let json_kind = Some("application/json");
    for body in ["{", "{\"content\": }", "content=x", "\"", "{\"content\": \"x\"} trailing", "\u{feff}{}"] {
        post_raw(&house, "/v1/memories", json_kind, body).await.expect_error(400, "malformed_json");
    }
    let empty = post_raw(&house, "/v1/memories", json_kind, "").await.expect_error(400, "malformed_json");
    assert!(empty["message"].as_str().unwrap().contains("empty"), "{empty}");
    let not_utf8 = Bytes::from_static(b"{\"content\": \"\xff\"}");
    post_raw(&house, "/v1/memories", json_kind, not_utf8).await.expect_error(400, "malformed_json");
    let secret = post_raw(&house, "/v1/memories", json_kind, "{\"content\": swordfish}").await;
    assert!(!secret.text.contains("swordfish"), "what was sent is not repeated");
}

#[tokio::test]
async fn deep_nesting_is_refused() {
    let house = House::new().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let told = post_raw(&house, "/v1/memories", Some("application/json"), deep)
        .await
        .expect_error(400, "malformed_json");
    assert!(told["message"].as_str().unwrap().contains("nested"), "{told}");
    let mut filter = json!({"kind": "a"});
    for _ in 0..50 {
        filter = json!({ "not": filter });
    }
    house
        .post("/v1/search", json!({"query": "x", "filters": filter}))
        .await
        .expect_error(400, "invalid_request");
    let mut metadata = json!(1);
    for _ in 0..50 {
        metadata = json!({ "a": metadata });
    }
    house
        .post("/v1/memories", json!({"content": "x", "metadata": metadata}))
        .await
        .expect_problems(&["metadata"]);
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let house = House::new().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"]
    {
        post_raw(&house, "/v1/memories", Some(kind), "{\"content\": \"x\"}")
            .await
            .expect_error(415, "unsupported_media_type");
    }
    for kind in [
        Some("application/json; charset=utf-8"),
        Some("APPLICATION/JSON"),
        Some("application/vnd.x+json"),
        None,
    ] {
        post_raw(&house, "/v1/memories", kind, "{\"content\": \"x\"}").await.expect(201);
    }
}

#[tokio::test]
async fn ten_megabytes_are_refused_with_and_without_a_length() {
    let house = House::new().await;
    let big = Bytes::from(vec![b' '; 10 * 1024 * 1024]);
    let with_length = Request::post("/v1/memories")
        .header(header::AUTHORIZATION, format!("Bearer {}", house.key))
        .header(header::CONTENT_LENGTH, big.len())
        .body(Body::from(big.clone()))
        .unwrap();
    house.send(with_length).await.expect_error(413, "body_too_large");
    post_raw(&house, "/v1/memories", Some("application/json"), big).await.expect_error(413, "body_too_large");
}

#[tokio::test]
async fn unknown_paths_and_methods_have_the_common_shape() {
    let house = House::new().await;
    house.get("/v1/nothing").await.expect_error(404, "route_not_found");
    house.get("/v1/memories/1/").await.expect_error(404, "route_not_found");
    for (method, path, allowed) in [
        (Method::PUT, "/v1/memories/1", "GET"),
        (Method::DELETE, "/v1/memories", "POST"),
        (Method::GET, "/v1/memories/batch", ""),
        (Method::POST, "/health", "GET"),
    ] {
        let answer = house.ask(method, path, Value::Null).await;
        if path.ends_with("batch") {
            // `batch` is no memory's id.
            assert!(answer.status == 400 || answer.status == 405, "{}", answer.text);
        } else {
            answer.expect_error(405, "method_not_allowed");
            assert!(answer.header("allow").contains(allowed), "{}", answer.header("allow"));
        }
    }
}

#[tokio::test]
async fn ids_that_are_no_ids_are_refused_and_unknown_ones_not_found() {
    let house = House::new().await;
    for bad in ["abc", "1.5", "0", "-1", "99999999999999999999", "%00", "1%2F2"] {
        house.get(&format!("/v1/memories/{bad}")).await.expect_problems(&["id"]);
    }
    house.get("/v1/memories/9223372036854775807").await.expect_error(404, "memory_not_found");
    house.delete("/v1/memories/7").await.expect_error(404, "memory_not_found");
}

#[tokio::test]
async fn credentials_that_are_none_are_refused_by_reason() {
    let house = House::new().await;
    let ask = |headers: &[(&str, &str)]| {
        let mut request = Request::get("/v1/stats");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        house.send(request.body(Body::empty()).unwrap())
    };
    let bearer = format!("Bearer {}", house.key);
    let wrong = format!("Bearer {}", house.key.replace("eng_live_", "eng_test_"));
    ask(&[]).await.expect_error(401, "unauthorized");
    ask(&[("authorization", "Bearer nonsense")]).await.expect_error(401, "unauthorized");
    ask(&[("authorization", "Basic eDp5")]).await.expect_error(401, "unauthorized");
    ask(&[("authorization", &wrong)]).await.expect_error(401, "unauthorized");
    ask(&[("x-api-key", "")]).await.expect_error(401, "unauthorized");
    ask(&[("authorization", &bearer), ("x-api-key", &house.key)])
        .await
        .expect_error(400, "conflicting_credentials");
    ask(&[("authorization", &bearer), ("x-engram-tenant", "other")])
        .await
        .expect_error(403, "tenant_mismatch");
    ask(&[("authorization", &bearer), ("x-engram-tenant", "default")]).await.expect(200);
    ask(&[("x-api-key", &house.key)]).await.expect(200);
    let refused = ask(&[]).await;
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
}
