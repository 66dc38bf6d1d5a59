//! Web pages: who may use the service from a browser.

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::json;
use tenancy::Environment;

use crate::house::{Answer, House};

const APP: &str = "https://app.example.com";

async fn strict() -> House {
    House::with(|config| config.cors.origins = vec![APP.to_owned()]).await
}

async fn ask_from(house: &House, origin: &str, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header(header::ORIGIN, origin);
    let request = request.header("x-api-key", &house.key).header("content-type", "application/json");
    house.send(request.body(Body::from(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)).unwrap()).await
}

async fn preflight(house: &House, origin: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/v1/memories")
        .header(header::ORIGIN, origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key,x-engram-tenant",
        );
    house.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_listed_page_may_and_is_told_what_it_may_read() {
    let house = strict().await;
    let told = preflight(&house, APP).await;
    assert_eq!(told.status, 200, "without a key, and past every limit");
    assert_eq!(told.header("access-control-allow-origin"), APP);
    assert!(told.header("access-control-allow-methods").contains("PATCH"));
    for header in ["authorization", "idempotency-key", "x-engram-tenant"] {
        assert!(told.header("access-control-allow-headers").contains(header), "{header}");
    }
    assert!(
        !told.headers.contains_key("access-control-allow-credentials"),
        "keys travel in headers, not in cookies"
    );
    assert!(!told.header("x-request-id").is_empty() && !told.header("ratelimit-limit").is_empty());

    // An error must be readable too, or a page cannot tell a 429 from a broken network.
    for path in ["/v1/stats", "/nothing"] {
        let answer = ask_from(&house, APP, Method::GET, path).await;
        assert_eq!(answer.header("access-control-allow-origin"), APP, "{path}");
        let readable = answer.header("access-control-expose-headers").to_owned();
        for header in ["x-request-id", "ratelimit-remaining", "retry-after"] {
            assert!(readable.contains(header), "{header} in {readable}");
        }
        assert!(answer.header("vary").to_lowercase().contains("origin"), "{path}");
    }
}

#[tokio::test]
async fn other_pages_may_not_and_mcp_knows_the_same_list() {
    let house = House::with(|config| {
        config.service.environment = Environment::Dev;
        config.cors.origins = vec![APP.to_owned()];
    })
    .await;
    let evil = "https://app.example.com.evil.example";
    assert!(!preflight(&house, evil).await.headers.contains_key("access-control-allow-origin"));
    let answer = ask_from(&house, evil, Method::GET, "/v1/stats").await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert!(answer.header("vary").to_lowercase().contains("origin"), "a cache must not mix them up");

    for (origin, status) in [(APP, 200), ("http://localhost:5173", 200), (evil, 403), ("null", 403)] {
        let answer = ask_from(&house, origin, Method::POST, "/v1/mcp").await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_full_house_still_answers_preflights() {
    let house = House::with(|config| config.limits.in_flight = 1).await;
    let _held = house.app.lifecycle.enter().unwrap();
    assert_eq!(preflight(&house, "http://localhost:3000").await.status, 200);
    let refused = ask_from(&house, "http://localhost:3000", Method::GET, "/v1/stats").await;
    refused.expect_error(503, "overloaded");
    assert_eq!(refused.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(refused.json()["retry_after"], json!(1));
}
