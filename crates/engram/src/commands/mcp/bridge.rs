//! Lines in, lines out: JSON-RPC messages from standard input go to the MCP door, its answers to standard output.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Request, Response, header};
use hyper::body::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::switch::Switch;

/// Requests at work at once; more wait in the pipe.
const IN_FLIGHT_MAX: usize = 64;
/// Longest line: the largest body the service takes, and some.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// JSON-RPC's own codes.
const PARSE_ERROR: i64 = -32_700;
const INTERNAL_ERROR: i64 = -32_603;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What later requests must repeat, as `initialize` agreed on it.
#[derive(Debug, Default)]
struct Agreed {
    protocol_version: Option<HeaderValue>,
    session_id: Option<HeaderValue>,
}

/// Runs until standard input ends and the last answer is out.
pub(super) async fn run(switch: &Arc<Switch>) {
    let (answers, mut lines) = mpsc::channel::<String>(IN_FLIGHT_MAX);
    let writer = tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(mut line) = lines.recv().await {
            line.push('\n');
            if stdout.write_all(line.as_bytes()).await.is_err() || stdout.flush().await.is_err() {
                break;
            }
        }
    });
    let agreed = Arc::new(Mutex::new(Agreed::default()));
    let seats = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut work = JoinSet::new();
    let mut stdin = BufReader::new(tokio::io::stdin());
    loop {
        let line = match read_line(&mut stdin).await {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => {
                tracing::error!(%error, "standard input cannot be read");
                break;
            }
        };
        let Some(message) = parse(&line, &answers).await else { continue };
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { break };
        let (switch, agreed, answers) = (Arc::clone(switch), Arc::clone(&agreed), answers.clone());
        let in_order = comes_in_order(&message);
        let exchange = async move {
            let _seat = seat;
            for line in answer(&switch, &agreed, &message).await {
                let _ = answers.send(line).await;
            }
        };
        // What was agreed holds for every later message, and notifications come in order.
        if in_order {
            exchange.await;
        } else {
            work.spawn(exchange);
        }
        while work.try_join_next().is_some() {}
        if writer.is_finished() {
            break;
        }
    }
    while work.join_next().await.is_some() {}
    drop(answers);
    let _ = writer.await;
}

/// One line without its end; `None` at the end of input.
async fn read_line(stdin: &mut BufReader<tokio::io::Stdin>) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let chunk = stdin.fill_buf().await?;
        if chunk.is_empty() {
            return Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()));
        }
        let (taken, whole) = match chunk.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (chunk.len(), false),
        };
        line.extend_from_slice(&chunk[..taken]);
        stdin.consume(taken);
        if line.len() > LINE_BYTES_MAX {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "a line is longer than 8 MiB"));
        }
        if whole {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
    }
}

/// The message of a line; a line that is not JSON is answered here, a blank one is skipped.
async fn parse(line: &str, answers: &mpsc::Sender<String>) -> Option<Value> {
    if line.trim().is_empty() {
        return None;
    }
    match serde_json::from_str(line) {
        Ok(message) => Some(message),
        Err(error) => {
            let _ = answers
                .send(error_line(&Value::Null, PARSE_ERROR, &format!("this line is not JSON: {error}")))
                .await;
            None
        }
    }
}

/// Whether later messages may only be sent when this one is answered.
fn comes_in_order(message: &Value) -> bool {
    message["method"] == "initialize" || (message.is_object() && message.get("id").is_none())
}

/// Posts one message; the lines to answer with: none for a notification.
async fn answer(switch: &Switch, agreed: &Mutex<Agreed>, message: &Value) -> Vec<String> {
    let request = request(message, &agreed.lock());
    let id = message.get("id").filter(|id| !id.is_null());
    let failed = |error: &str| id.map(|id| error_line(id, INTERNAL_ERROR, error)).into_iter().collect();
    let response = match switch.send(&request).await {
        Ok(response) => response,
        Err(failure) => {
            tracing::error!(%failure, "a message was not delivered");
            return failed(&failure.to_string());
        }
    };
    let lines = lines_of(&response);
    if message["method"] == "initialize" && response.status().is_success() {
        agree(&mut agreed.lock(), &response, &lines);
    }
    if lines.is_empty() && !response.status().is_success() {
        return failed(&refusal(&response));
    }
    // Only requests are answered, whatever a server says to a notification.
    if id.is_none() && message.is_object() { Vec::new() } else { lines }
}

fn request(message: &Value, agreed: &Agreed) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(message.to_string()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/v1/mcp");
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    // The stateless revisions say their version in each message, the older ones once.
    let own_version =
        message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str().and_then(header_value);
    for (name, value) in [
        (PROTOCOL_VERSION, own_version.or_else(|| agreed.protocol_version.clone())),
        (SESSION_ID, agreed.session_id.clone()),
        (METHOD, message["method"].as_str().and_then(header_value)),
        (
            NAME,
            ["name", "uri"]
                .iter()
                .find_map(|field| message["params"][*field].as_str())
                .and_then(header_value),
        ),
        (
            IDEMPOTENCY_KEY,
            (message["method"] == "tools/call")
                .then(|| stdx::random::token(24))
                .as_deref()
                .and_then(header_value),
        ),
    ] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    request
}

fn header_value(text: &str) -> Option<HeaderValue> {
    text.parse().ok()
}

/// Remembers what `initialize` agreed on.
fn agree(agreed: &mut Agreed, response: &Response<Bytes>, lines: &[String]) {
    agreed.session_id = response.headers().get(SESSION_ID).cloned();
    agreed.protocol_version = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|answer| answer["result"]["protocolVersion"].as_str().and_then(header_value));
}

/// JSON-RPC messages of an answer, one a line: its whole body, or the data of its events.
fn lines_of(response: &Response<Bytes>) -> Vec<String> {
    let body = String::from_utf8_lossy(response.body());
    let content_type =
        response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let texts: Vec<String> = if content_type.starts_with("text/event-stream") {
        let events = body.replace("\r\n", "\n");
        let data = |event: &str| {
            event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect()
        };
        events.split("\n\n").map(data).collect()
    } else {
        vec![body.into_owned()]
    };
    let messages = texts.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
    let messages = messages.filter(|message| message.is_array() || message.get("jsonrpc").is_some());
    messages.map(|message| message.to_string()).collect()
}

/// What a server that does not answer in JSON-RPC says is wrong.
fn refusal(response: &Response<Bytes>) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    match body["message"].as_str() {
        Some(message) => message.to_owned(),
        None => format!("the service answered {}", response.status()),
    }
}

fn error_line(id: &Value, code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(content_type: &str, body: &str) -> Response<Bytes> {
        let response = Response::builder().header(header::CONTENT_TYPE, content_type);
        response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    #[test]
    fn an_answer_becomes_lines() {
        let check = |content_type: &str, body: &str, want: &[&str]| {
            assert_eq!(lines_of(&response(content_type, body)), want, "{body:?}");
        };
        let one = r#"{"id":1,"jsonrpc":"2.0"}"#;
        check("application/json", "{\"jsonrpc\": \"2.0\",\n \"id\": 1}", &[one]);
        check(
            "text/event-stream",
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1}\n\n: ping\n\n",
            &[one],
        );
        check("application/json", "", &[]);
        check("application/json", r#"{"error": "unauthenticated"}"#, &[]);
    }

    #[test]
    fn what_was_agreed_is_repeated() {
        let mut agreed = Agreed::default();
        let line = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#.to_owned();
        agree(&mut agreed, &response("application/json", &line), std::slice::from_ref(&line));
        let asked =
            request(&json!({"method": "tools/call", "id": 1, "params": {"name": "memory_get"}}), &agreed);
        let header = |name| asked.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        assert_eq!(header(PROTOCOL_VERSION), "2025-06-18");
        assert_eq!((header(METHOD), header(NAME)), ("tools/call", "memory_get"));
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
        let asked = request(&json!({"method": "tools/list", "id": 1, "params": {"_meta": meta}}), &agreed);
        assert_eq!(asked.headers()[PROTOCOL_VERSION], "2026-07-28");
    }
}
