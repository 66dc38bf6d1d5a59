//! The log of a real service: what each line tells, and what none of them may tell.

mod harness;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use harness::{Folder, engram, eventually};
use serde_json::{Value, json};

/// Words that only the content of memories and queries holds.
const SECRETS: &[&str] = &["xylophone", "quagmire", "zeppelin"];

#[tokio::test]
async fn a_request_id_finds_its_lines_and_no_line_tells_a_secret() {
    let folder = Folder::new();
    let log = folder.path().with_extension("log");
    let settings = ["--set", "log.format=json", "--set", "log.filter=trace"];
    let mut command = engram(["serve", "--listen", "127.0.0.1:0", "--json-ready"]);
    command.args(settings).arg("--data-dir").arg(folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let (url, key) = (ready["url"].as_str().unwrap(), ready["api_key"].as_str().unwrap());
    let client = reqwest::Client::new();
    let post = async |path: &str, key: &str, body: Value| {
        client.post(format!("{url}{path}")).bearer_auth(key).json(&body).send().await.unwrap()
    };
    let wrong = format!("{}x", &key[..key.len() - 1]);
    let stored =
        post("/v1/memories", key, json!({"content": SECRETS[0], "metadata": {"a": SECRETS[1]}})).await;
    let id = stored.headers()["x-request-id"].to_str().unwrap().to_owned();
    post("/v1/search", key, json!({"query": SECRETS[2]})).await;
    client.get(format!("{url}/v1/search?q={}", SECRETS[2])).bearer_auth(key).send().await.unwrap();
    let refused = post("/v1/memories", &wrong, json!({"content": SECRETS[0]})).await;
    let refused = refused.headers()["x-request-id"].to_str().unwrap().to_owned();
    post("/v1/memories", key, json!({"content": 5, SECRETS[1]: 1})).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "memory_create", "arguments": {"content": SECRETS[0]}}});
    let last = post("/v1/mcp", key, call).await;
    let last = last.headers()["x-request-id"].to_str().unwrap().to_owned();
    eventually("the last line is written", || std::fs::read_to_string(&log).unwrap().contains(&last));
    child.kill().unwrap();
    child.wait().unwrap();

    let text = std::fs::read_to_string(&log).unwrap();
    for secret in SECRETS.iter().copied().chain([key, wrong.as_str(), "Bearer"]) {
        let told = text.lines().find(|line| line.contains(secret));
        assert_eq!(told, None, "{secret} is in the log");
    }
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |id: &str| {
        let of_id = |line: &&Value| line["request_id"] == id && line["message"] == "request";
        lines.iter().find(of_id).unwrap_or_else(|| panic!("no line of {id}")).clone()
    };
    let line = of(&id);
    for field in ["request_id", "tenant_id", "tenant_slug", "route", "method", "status", "latency_ms"] {
        assert!(!line[field].is_null(), "{field} is missing: {line}");
    }
    let told = (&line["tenant_slug"], &line["route"], &line["method"], &line["status"]);
    assert_eq!(told, (&json!("default"), &json!("/v1/memories"), &json!("POST"), &json!(201)));
    assert_eq!((&of(&refused)["status"], &of(&refused)["error"]), (&json!(401), &json!("unauthorized")));
    assert_eq!(of(&last)["tenant_slug"], "default", "MCP tells the same");
}
