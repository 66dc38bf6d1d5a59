//! The edge: ids, headers, bounds, real connections.

mod attacks;
mod clients;
mod leaving;
mod pages;

use std::time::Duration;

use axum::body::Body;
use http::{Request, header};
use serde_json::json;
use server::edge::{ServeOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::house::House;

#[tokio::test]
async fn every_answer_has_an_id_of_ours_and_repeats_the_clients_own() {
    let house = House::new().await;
    let request = Request::get("/v1/memories/7")
        .header(header::AUTHORIZATION, format!("Bearer {}", house.key))
        .header("x-request-id", "mine-1")
        .body(Body::empty())
        .unwrap();
    let answer = house.send(request).await;
    assert_eq!(answer.header("x-client-request-id"), "mine-1");
    assert_ne!(answer.header("x-request-id"), "mine-1");
    let id = uuid::Uuid::parse_str(answer.header("x-request-id")).unwrap();
    assert_eq!(id.get_version_num(), 7);
    let event = house.app.meter.unsent(&house.app.control.list_tenants().await.unwrap()[0].id);
    assert_eq!(event.api_calls, 1);
    house.app.meter.drain(Duration::from_secs(5)).await;
    let event = house.app.control.usage_event(tenancy::RequestId::from_uuid(id)).await.unwrap().unwrap();
    assert_eq!((event.route.as_str(), event.status), ("get_memory", 404), "the id is the one in the ledger");
    assert!(!house.get("/nothing").await.header("x-request-id").is_empty());
}

#[tokio::test]
async fn rates_are_told_and_enforced_when_asked_for() {
    let house = House::with(|config| config.limits.rates = server::config::Enforcement::Enforced).await;
    let key = house.another_tenant("limited").await;
    let limits = json!({"tenant": "limited", "limits": {"rates": {"read": {"per_second": 1, "burst": 2}}}});
    house.ask_locally(http::Method::POST, "/plans", limits).await.expect(200);
    let ask = || house.ask_as(&key, http::Method::GET, "/v1/stats", json!(null));
    let first = ask().await;
    first.expect(200);
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), ("2", "1"));
    ask().await.expect(200);
    let refused = ask().await;
    let told = refused.expect_error(429, "rate_limited");
    assert!(told["retry_after"].as_u64().unwrap() >= 1);
    assert_eq!(refused.header("retry-after"), told["retry_after"].to_string());
    assert_eq!(refused.header("ratelimit-remaining"), "0");
}

#[tokio::test]
async fn a_full_house_refuses_but_still_answers_health() {
    let house = House::with(|config| config.limits.in_flight = 1).await;
    let _held = house.app.lifecycle.enter().unwrap();
    let refused = house.get("/v1/stats").await;
    refused.expect_error(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(house.get("/health").await.status, 200);
}

pub(crate) async fn listening(
    house: &House,
    header_timeout: Duration,
) -> (String, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let options =
        ServeOptions { leaving: house.app.lifecycle.leaving(), ..ServeOptions::new(header_timeout) };
    let task = tokio::spawn(serve(listener, house.router.clone(), options, stop.clone()));
    (address, stop, task)
}

#[tokio::test]
async fn a_half_sent_header_does_not_hold_a_connection() {
    let house = House::new().await;
    let (address, stop, task) = listening(&house, Duration::from_millis(200)).await;
    for beginning in ["", "GET /hea", "PRI * HT"] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{beginning:?} holds the connection");
    }
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_stop_finishes_what_is_at_work_and_accepts_nothing_new() {
    let house = House::new().await;
    let (address, stop, task) = listening(&house, Duration::from_secs(5)).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 1024];
    let read = stream.read(&mut buffer).await.unwrap();
    assert!(String::from_utf8_lossy(&buffer[..read]).starts_with("HTTP/1.1 200"));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), task)
        .await
        .expect("an idle connection does not delay the end")
        .unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn an_oversized_body_over_a_real_connection_is_answered() {
    let house = House::new().await;
    let (address, stop, task) = listening(&house, Duration::from_secs(5)).await;
    let stream = TcpStream::connect(&address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let size = 10 * 1024 * 1024;
    let head = format!(
        "POST /v1/memories HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    );
    let writer = tokio::spawn(async move {
        writing.write_all(head.as_bytes()).await.unwrap();
        writing.write_all(&vec![b' '; size]).await.unwrap();
        writing
    });
    let mut answer = Vec::new();
    reading.read_to_end(&mut answer).await.unwrap();
    assert!(
        String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 413"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    writer.await.unwrap();
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn what_a_client_asked_for_is_done_and_charged_even_if_it_goes_away() {
    let house = House::new().await;
    let tenant = house.app.control.list_tenants().await.unwrap()[0].id.clone();
    let request = Request::post("/v1/memories")
        .header(header::AUTHORIZATION, format!("Bearer {}", house.key))
        .body(Body::from(json!({"content": "written for nobody"}).to_string()))
        .unwrap();
    let router = house.router.clone();
    {
        let mut asking = Box::pin(tower::ServiceExt::oneshot(router, request));
        // One poll starts the work; then the client is gone.
        let _ = futures_poll(asking.as_mut()).await;
    }
    for _ in 0..200 {
        if house.app.meter.unsent(&tenant).memories_created == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the write was not charged");
}

/// Polls a future once.
async fn futures_poll<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
