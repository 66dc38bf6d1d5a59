//! Who a request comes from, behind proxies or not, and what every answer carries.

use std::net::IpAddr;

use axum::body::Body;
use gateway::Peer;
use http::{Method, Request};
use serde_json::json;
use server::edge::Transport;
use tenancy::Environment;

use crate::house::{Answer, House};

async fn behind_a_proxy(environment: Environment) -> House {
    House::with(|config| {
        config.proxy.trusted = vec!["10.0.0.0/8".parse().unwrap()];
        config.service.environment = environment;
    })
    .await
}

async fn from(house: &House, peer: &str, headers: &[(&str, &str)]) -> Answer {
    let peer: IpAddr = peer.parse().unwrap();
    let mut request = Request::get("/health").extension(Peer::Network(peer)).extension(Transport::Plain);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_audit_log_has_the_clients_address_and_no_claimed_one() {
    let house = behind_a_proxy(Environment::Dev).await;
    let operator = house.ask_locally(Method::POST, "/operator-keys", json!({"name": "audit"})).await;
    let key = operator.expect(201)["key"].as_str().unwrap().to_owned();
    for (slug, peer, want) in [("one", "10.0.0.9", "203.0.113.7"), ("two", "198.51.100.1", "198.51.100.1")] {
        let request = Request::post("/tenants")
            .extension(Peer::Network(peer.parse().unwrap()))
            .header("x-api-key", &key)
            .header("x-forwarded-for", "6.6.6.6, 203.0.113.7")
            .body(Body::from(json!({ "slug": slug }).to_string()))
            .unwrap();
        house.send(request).await.expect(201);
        let log = house
            .app
            .control
            .audit_log(control::AuditQuery { limit: 1, ..Default::default() })
            .await
            .unwrap();
        assert!(format!("{log:?}").contains(want), "{log:?}");
        assert!(!format!("{log:?}").contains("6.6.6.6"), "{log:?}");
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_can_say_that_a_client_came_by_tls() {
    let hsts = "strict-transport-security";
    let https = [("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.7")];
    let staging = behind_a_proxy_without_dev().await;
    assert_eq!(from(&staging, "10.1.1.1", &https).await.header(hsts), "max-age=31536000");
    for (peer, headers) in [
        ("198.51.100.1", &https[..]),
        ("10.1.1.1", &[("x-forwarded-proto", "http")][..]),
        ("10.1.1.1", &[]),
        ("10.1.1.1", &[("x-forwarded-host", "https://evil.example")][..]),
    ] {
        assert_eq!(from(&staging, peer, headers).await.header(hsts), "", "{peer} {headers:?}");
    }
    let dev = behind_a_proxy(Environment::Dev).await;
    assert_eq!(
        from(&dev, "10.1.1.1", &https).await.header(hsts),
        "",
        "a laptop must stay reachable without TLS"
    );
}

/// Outside dev there is no development key, so this house has none.
async fn behind_a_proxy_without_dev() -> House {
    House::keyless(|config| {
        config.proxy.trusted = vec!["10.0.0.0/8".parse().unwrap()];
        config.service.environment = Environment::Staging;
    })
    .await
}

#[tokio::test]
async fn one_address_is_limited_before_anybody_asks_who_it_is() {
    let house = House::with(|config| {
        config.proxy.trusted = vec!["10.0.0.0/8".parse().unwrap()];
        config.limits.rates = server::config::Enforcement::Enforced;
        (config.limits.address_per_second, config.limits.address_burst) = (1, 2);
    })
    .await;
    let guess = async |peer: &str, forwarded_for: &str, path: &str| {
        let request = Request::get(path)
            .extension(Peer::Network(peer.parse().unwrap()))
            .header("x-forwarded-for", forwarded_for)
            .header("x-api-key", "guessed");
        house.send(request.body(Body::empty()).unwrap()).await
    };
    for (number, left) in [(1, "1"), (2, "0")] {
        // A new name each time does not help a stranger.
        let answer = guess("198.51.100.1", &format!("6.6.6.{number}"), "/v1/stats").await;
        answer.expect_error(401, "unauthorized");
        assert_eq!((answer.header("ratelimit-limit"), answer.header("ratelimit-remaining")), ("2", left));
    }
    let refused = guess("198.51.100.1", "6.6.6.3", "/v1/stats").await;
    let told = refused.expect_error(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), told["retry_after"].to_string());
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert_eq!(guess("198.51.100.1", "", "/health").await.status, 200);
    assert_eq!(guess("198.51.100.2", "", "/v1/stats").await.status, 401, "a neighbour has its own");
    // Clients of one proxy are told apart.
    for client in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        assert_eq!(guess("10.0.0.1", client, "/v1/stats").await.status, 401, "{client}");
    }
}

#[tokio::test]
async fn every_answer_says_where_its_caller_stands() {
    let house = House::new().await;
    let answers = [
        house.get("/health").await,
        house.get("/ready").await,
        house.get("/nothing").await,
        house.get("/v1/stats").await,
        house.ask_as("nonsense", Method::GET, "/v1/stats", json!(null)).await,
        house.ask(Method::DELETE, "/v1/search", json!(null)).await,
        house.post("/v1/memories", json!({"content": ""})).await,
        house.post("/v1/mcp", json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).await,
        house.get("/openapi.json").await,
        house.ask_locally(Method::GET, "/tenants", json!(null)).await,
    ];
    for answer in answers {
        assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
        for header in ["ratelimit-limit", "ratelimit-remaining"] {
            let number: i64 =
                answer.header(header).parse().unwrap_or_else(|_| panic!("{header}: {answer:?}"));
            assert!((1..=i64::from(i32::MAX)).contains(&number), "{answer:?}");
        }
        answer.header("ratelimit-reset").parse::<u64>().unwrap();
    }
}
