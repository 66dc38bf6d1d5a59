//! Endpoints that fail in every way endpoints fail.

use std::time::Duration;

use embedding::{
    AnswerFlaw, ApiKey, EmbedError, Embedding, EmbeddingConfig, Health, RemoteConfig, TEXTS_PER_CALL_MAX,
};
use serde_json::json;
use stdx::clock::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{body_partial_json, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::endpoint::{HonestAnswer, config, inputs, remote, server};

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// Embeds one text at an endpoint that gives `answer` for ever; gives the error and the requests it took.
async fn failure(answer: ResponseTemplate) -> (EmbedError, usize) {
    let server = server(u64::MAX, answer).await;
    let (provider, _clock) = remote(config(&server.uri()));
    (provider.embed(&["my secret diary"]).await.unwrap_err(), requests(&server).await)
}

async fn check_flaw(body: &str, expected: AnswerFlaw) {
    let (error, requests) = failure(ResponseTemplate::new(200).set_body_raw(body, "application/json")).await;
    assert_eq!((error, requests), (EmbedError::BadAnswer(expected), 1), "{body}");
}

#[tokio::test]
async fn a_few_errors_are_retried_away() {
    for status in [500, 502, 503, 429, 408] {
        let server = server(2, ResponseTemplate::new(status)).await;
        let (provider, _clock) = remote(config(&server.uri()));
        assert_eq!(provider.embed(&["a"]).await.unwrap().len(), 1, "HTTP {status}");
        assert_eq!(requests(&server).await, 3);
        assert_eq!(provider.health(), Health::Up);
    }
}

#[tokio::test]
async fn endless_errors_are_given_up_and_say_so() {
    let body = json!({"error": {"code": "overloaded", "message": "cannot embed 'my secret diary'"}});
    let (error, requests) = failure(ResponseTemplate::new(500).set_body_json(body)).await;
    assert_eq!(
        error,
        EmbedError::Unavailable { reason: "HTTP 500, overloaded".to_owned(), retry_after: None }
    );
    assert_eq!(requests, 3);
}

#[tokio::test]
async fn refusals_are_not_retried_and_say_whose_turn_it_is() {
    let detail = json!({"detail": [{"msg": "too long", "input": "my secret diary"}]});
    for status in [400, 413, 422] {
        let (error, requests) = failure(ResponseTemplate::new(status).set_body_json(&detail)).await;
        assert_eq!((error, requests), (EmbedError::TextsRefused { status, code: None }, 1));
    }
    let body = json!({"error": {"code": "model_not_found", "message": "my secret diary"}});
    for status in [401, 403, 404, 301] {
        let (error, requests) = failure(ResponseTemplate::new(status).set_body_json(&body)).await;
        let code = Some("model_not_found".to_owned());
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!((error, requests), (EmbedError::Misconfigured { status, code }, 1));
    }
}

#[tokio::test]
async fn answers_that_cannot_be_believed_are_refused() {
    check_flaw(r#"{"data":[]}"#, AnswerFlaw::Count { expected: 1, got: 0 }).await;
    check_flaw(r#"{"data":[{"index":0,"embedding":[NaN]}]}"#, AnswerFlaw::NotTheShape).await;
    check_flaw(r#"{"data":[{"index":0,"embedding":[1e300]}]}"#, AnswerFlaw::NotFinite).await;
    check_flaw(r#"{"data":[{"index":1,"embedding":[1]}]}"#, AnswerFlaw::Indexes).await;
    check_flaw("<html>", AnswerFlaw::NotTheShape).await;
    let huge = " ".repeat(16 * 1024 * 1024 + 1);
    check_flaw(&huge, AnswerFlaw::TooLarge { bytes_max: 16 * 1024 * 1024 }).await;
}

#[tokio::test]
async fn dimensions_never_change_under_a_name() {
    let one =
        ResponseTemplate::new(200).set_body_raw(r#"{"data":[{"embedding":[1,2]}]}"#, "application/json");
    let server = server(1, one.clone()).await;
    let (provider, _clock) = remote(config(&server.uri()));
    provider.embed(&["a"]).await.unwrap();
    assert_eq!(provider.identity().unwrap().dimensions, 2);
    let flaw = AnswerFlaw::Dimensions { expected: 2, got: 256 };
    assert_eq!(provider.embed(&["b"]).await.unwrap_err(), EmbedError::BadAnswer(flaw));

    let asked = RemoteConfig { dimensions: Some(64), ..config(&server.uri()) };
    let (provider, _clock) = remote(asked);
    assert_eq!(provider.identity().unwrap().dimensions, 64);
    let flaw = AnswerFlaw::Dimensions { expected: 64, got: 256 };
    assert_eq!(provider.embed(&["c"]).await.unwrap_err(), EmbedError::BadAnswer(flaw));
}

#[tokio::test]
async fn slow_answers_time_out_and_a_query_waits_less_than_a_memory() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = server(u64::MAX, slow).await;
    let patience = RemoteConfig {
        request_timeout: Duration::from_secs(10),
        query_deadline: Duration::from_millis(200),
        ..config(&server.uri())
    };
    let (provider, _clock) = remote(patience);
    let started = std::time::Instant::now();
    let error = provider.embed_query("where is the key").await.unwrap_err();
    assert_eq!(error, EmbedError::Unavailable { reason: "timed out".to_owned(), retry_after: None });
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_retried() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        for turn in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 * 1024];
            let _ = stream.read(&mut request).await.unwrap();
            let body = r#"{"data":[{"index":0,"embedding":[0,1]}]}"#;
            let sent = if turn == 0 { &body[..20] } else { body };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{sent}",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
        }
    });
    let (provider, _clock) = remote(config(&format!("http://{address}")));
    assert_eq!(provider.embed(&["a"]).await.unwrap(), [[0.0, 1.0]]);
    serving.await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_an_endpoint_that_is_down() {
    let server = server(4, ResponseTemplate::new(503)).await;
    let (provider, clock) = remote(config(&server.uri()));
    provider.embed(&["a"]).await.unwrap_err();
    let Health::Down { last_error, .. } = provider.health() else { panic!("it is down") };
    assert!(last_error.contains("HTTP 503"), "{last_error}");

    let error = provider.embed(&["a"]).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    assert_eq!(requests(&server).await, 3, "the endpoint was left alone");

    clock.advance_ms(5_000);
    provider.embed(&["a"]).await.unwrap_err();
    assert_eq!(requests(&server).await, 4, "one request finds out that it is still down");
    clock.advance_ms(9_999);
    provider.embed(&["a"]).await.unwrap_err();
    assert_eq!(requests(&server).await, 4, "the second pause is twice as long");
    clock.advance_ms(1);
    provider.embed(&["a"]).await.unwrap();
    assert_eq!(provider.health(), Health::Up);
}

#[tokio::test]
async fn a_probe_that_is_abandoned_does_not_close_the_door() {
    let server = server(3, ResponseTemplate::new(500)).await;
    let (provider, clock) = remote(config(&server.uri()));
    provider.embed(&["a"]).await.unwrap_err();
    clock.advance_ms(5_000);
    let abandoned = tokio::time::timeout(Duration::ZERO, provider.embed(&["a"])).await;
    assert!(abandoned.is_err());
    provider.embed(&["a"]).await.unwrap();
}

#[tokio::test]
async fn the_pause_that_was_asked_for_is_kept() {
    let server = server(1, ResponseTemplate::new(429).insert_header("retry-after", "1")).await;
    let (provider, _clock) = remote(config(&server.uri()));
    let started = std::time::Instant::now();
    provider.embed(&["a"]).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_told_instead_of_waited_for() {
    let answer = ResponseTemplate::new(429).insert_header("retry-after", "30");
    let server = server(u64::MAX, answer).await;
    let (provider, _clock) = remote(config(&server.uri()));
    let error = provider.embed(&["a"]).await.unwrap_err();
    assert_eq!((error.retry_after(), requests(&server).await), (Some(Duration::from_secs(30)), 1));
}

#[tokio::test]
async fn nothing_listening_is_unavailable() {
    let (provider, _clock) = remote(config("http://127.0.0.1:1"));
    let error = provider.embed(&["a"]).await.unwrap_err();
    assert!(
        matches!(&error, EmbedError::Unavailable { reason, .. } if reason.starts_with("cannot connect")),
        "{error}"
    );
    assert!(matches!(provider.health(), Health::Down { .. }));
}

#[tokio::test]
async fn requests_carry_key_model_and_cut_texts_in_batches() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer sk-1"))
        .and(body_partial_json(json!({"model": "pretended", "dimensions": 256})))
        .respond_with(HonestAnswer)
        .mount(&server)
        .await;
    let settings = RemoteConfig {
        api_key: Some(ApiKey::new("sk-1")),
        dimensions: Some(256),
        text_chars_max: 5,
        ..config(&server.uri())
    };
    let (provider, _clock) = remote(settings);
    let texts = vec!["naïve texts are cut"; TEXTS_PER_CALL_MAX + 1];
    provider.embed(&texts).await.unwrap();
    let sent: Vec<_> = server.received_requests().await.unwrap().iter().map(inputs).collect();
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [TEXTS_PER_CALL_MAX, 1]);
    assert!(sent.iter().flatten().all(|text| text == "naïve"));
}

#[tokio::test]
async fn a_query_asked_twice_is_sent_once() {
    let server = server(0, HonestAnswer).await;
    let (provider, _clock) = remote(config(&server.uri()));
    let first = provider.embed_query("where is the key").await.unwrap();
    assert_eq!(provider.embed_query("where is the key").await.unwrap(), first);
    assert_eq!(requests(&server).await, 1);
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let good = || RemoteConfig::new("http://localhost", "m");
    for (settings, expected) in [
        (RemoteConfig { base_url: "localhost".to_owned(), ..good() }, "base_url is no URL"),
        (RemoteConfig { model: " ".to_owned(), ..good() }, "model is blank"),
        (RemoteConfig { dimensions: Some(0), ..good() }, "dimensions must be at least 1"),
        (RemoteConfig { text_chars_max: 0, ..good() }, "text_chars_max must be at least 1"),
        (RemoteConfig { api_key: Some(ApiKey::new("a\nb")), ..good() }, "api_key has characters"),
    ] {
        let refused = Embedding::open(EmbeddingConfig::Remote(settings), SystemClock::shared()).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}
