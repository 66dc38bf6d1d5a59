//! How connections end when the service leaves.

use std::time::{Duration, Instant};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::listening;
use crate::house::House;

const ASK: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";

async fn answer(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 2048];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[tokio::test]
async fn a_leaving_service_still_answers_and_asks_for_the_end_of_the_connection() {
    let house = House::new().await;
    let (address, _stop, _task) = listening(&house, Duration::from_secs(5)).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    assert!(!answer(&mut stream).await.contains("connection: close"));
    house.app.lifecycle.begin_drain();
    assert_eq!(house.get("/ready").await.status, 503);
    stream.write_all(ASK).await.unwrap();
    let last = answer(&mut stream).await;
    assert!(last.starts_with("HTTP/1.1 200") && last.contains("connection: close"), "{last}");
    assert_eq!(answer(&mut stream).await, "", "and closes it");
}

#[tokio::test]
async fn a_connection_taken_at_the_last_moment_is_still_answered() {
    let house = House::new().await;
    let (address, stop, task) = listening(&house, Duration::from_secs(5)).await;
    let mut late = TcpStream::connect(&address).await.unwrap();
    // Taken, and silent when the end comes; and one that has said half of what it wants.
    let mut half = TcpStream::connect(&address).await.unwrap();
    half.write_all(&ASK[..10]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    house.app.lifecycle.begin_drain();
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    late.write_all(ASK).await.unwrap();
    half.write_all(&ASK[10..]).await.unwrap();
    for stream in [&mut late, &mut half] {
        assert!(answer(stream).await.starts_with("HTTP/1.1 200"));
    }
    tokio::time::timeout(Duration::from_secs(5), task).await.expect("the end comes").unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_hold_the_end() {
    let house = House::new().await;
    let (address, stop, task) = listening(&house, Duration::from_secs(30)).await;
    let _silent = TcpStream::connect(&address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    stop.cancel();
    task.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn http_2_is_told_to_go_and_may_still_come_back_until_the_end() {
    let house = House::new().await;
    let (address, _stop, _task) = listening(&house, Duration::from_secs(5)).await;
    let (mut sender, driver) = http_2(&address).await;
    assert_eq!(ask(&mut sender).await, 200);
    house.app.lifecycle.begin_drain();
    // The driver ends when the other end has said goodbye and nothing is open any more.
    tokio::time::timeout(Duration::from_secs(5), driver).await.expect("a GOAWAY").unwrap();
    let (mut sender, driver) = http_2(&address).await;
    assert_eq!(ask(&mut sender).await, 200, "the doors are still open");
    tokio::time::timeout(Duration::from_secs(5), driver).await.expect("a GOAWAY after the answer").unwrap();
}

type Sender = hyper::client::conn::http2::SendRequest<Body>;

async fn http_2(address: &str) -> (Sender, tokio::task::JoinHandle<()>) {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, driver) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    (sender, tokio::spawn(async move { drop(driver.await) }))
}

async fn ask(sender: &mut Sender) -> u16 {
    let request = http::Request::get("http://x/health").body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    assert!(!answer.headers().contains_key("connection"), "not a header of HTTP/2");
    answer.into_body().collect().await.unwrap();
    status
}
