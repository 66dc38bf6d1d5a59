//! Clients that want to hold what they do not use: half-sent headers, slow bodies, idle connections.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::listening;
use crate::house::House;

/// Connections that one attacker opens.
const IDLE_CONNECTIONS: usize = 300;

async fn text_until_closed(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
    assert!(read.is_ok(), "the connection is still open after {:?}", String::from_utf8_lossy(&all));
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn headers_that_come_drop_by_drop_are_not_waited_for() {
    let house = House::new().await;
    let (address, _stop, _task) = listening(&house, Duration::from_millis(300)).await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    for number in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if stream.write_all(format!("x-drop-{number}: 1\r\n").as_bytes()).await.is_err() {
            break;
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_body_that_comes_drop_by_drop_is_told_so_and_does_not_keep_its_place() {
    let house = House::with(|config| config.limits.body_timeout = Duration::from_millis(300)).await;
    let (address, _stop, _task) = listening(&house, Duration::from_secs(5)).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/memories HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n{{",
        house.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = text_until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    assert_eq!(house.app.lifecycle.in_flight(), 0);
}

#[tokio::test]
async fn many_idle_connections_hinder_nobody_and_are_closed() {
    let house = House::new().await;
    let (address, _stop, _task) = listening(&house, Duration::from_millis(800)).await;
    let mut idle = Vec::new();
    for _ in 0..IDLE_CONNECTIONS {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(text_until_closed(&mut stream).await.starts_with("HTTP/1.1 200"));
    for mut stream in idle {
        assert_eq!(text_until_closed(&mut stream).await, "");
    }
}

#[tokio::test]
async fn oversized_headers_and_odd_requests_get_a_4xx() {
    let house = House::new().await;
    let (address, _stop, _task) = listening(&house, Duration::from_secs(5)).await;
    for (request, want) in [
        (
            format!("GET /health HTTP/1.1\r\nhost: x\r\nx-big: {}\r\n\r\n", "a".repeat(1024 * 1024)),
            "HTTP/1.1 431",
        ),
        ("GET /he alth HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        ("GET /health HTTP/1.1\r\nho st: x\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (
            "POST /v1/search HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
                .to_owned(),
            "HTTP/1.1 400",
        ),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = vec![0; 64];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read.unwrap_or(0)]).into_owned();
        assert!(answer.starts_with(want), "{answer:?} instead of {want}");
    }
}
