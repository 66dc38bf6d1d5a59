//! The protocol: revisions, discovery, lists, notifications.

use serde_json::{Value, json};

use crate::agent::{Agent, rpc_error};

const JSON: (&str, &str) = ("content-type", "application/json");
const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");

fn message(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": "a-1", "method": method, "params": params}).to_string()
}

#[tokio::test]
async fn a_bare_call_is_answered_in_json() {
    let agent = Agent::new().await;
    let created = agent.tool("memory_create", json!({"content": "Anna prefers tea to coffee."})).await;
    assert_eq!((&created["id"], &created["content"]), (&json!(1), &json!("Anna prefers tea to coffee.")));
    let found = agent.tool("memory_search", json!({"query": "what does Anna drink?"})).await;
    assert_eq!(found["items"][0]["memory"]["id"], 1);
}

#[tokio::test]
async fn a_client_that_accepts_only_json_or_says_nothing_of_its_content_is_served() {
    let agent = Agent::new().await;
    for headers in [
        vec![],
        vec![JSON, ("accept", "application/json")],
        vec![JSON, ("accept", "*/*")],
        vec![JSON, ACCEPT],
    ] {
        let answer = agent.post_raw(&agent.key, &headers, message("tools/list", json!({}))).await;
        assert_eq!(answer.expect(200)["id"], "a-1", "{headers:?}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn every_revision_with_a_handshake_is_agreed_on() {
    let agent = Agent::new().await;
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let params = json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let answer = agent.post_raw(&agent.key, &[JSON, ACCEPT], message("initialize", params)).await;
        let result = &answer.expect(200)["result"];
        assert_eq!(result["protocolVersion"], agreed, "{asked}: {result}");
        assert_eq!(result["serverInfo"]["name"], "engram");
        assert!(result["instructions"].as_str().unwrap().contains("memory_search"));
        for capability in ["tools", "resources", "prompts"] {
            assert!(result["capabilities"][capability].is_object(), "{result}");
        }
        assert_eq!(answer.header("mcp-session-id"), "", "there are no sessions");
        let told = agent
            .post_raw(
                &agent.key,
                &[JSON, ACCEPT, ("mcp-protocol-version", agreed)],
                json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
            )
            .await;
        assert_eq!((told.status, told.text.as_str()), (202, ""));
        let listed = agent
            .post_raw(
                &agent.key,
                &[JSON, ACCEPT, ("mcp-protocol-version", agreed)],
                message("tools/list", json!({})),
            )
            .await;
        assert_eq!(listed.expect(200)["result"]["tools"].as_array().unwrap().len(), 11);
        let pong = agent
            .post_raw(&agent.key, &[JSON, ("mcp-protocol-version", agreed)], message("ping", json!({})))
            .await;
        assert_eq!(pong.expect(200)["result"], json!({}));
    }
}

/// What every request of the newest revision says of itself.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

async fn newest(agent: &Agent, method: &str, mut params: Value) -> Value {
    params["_meta"] = meta();
    let name = params["name"].as_str().or(params["uri"].as_str()).unwrap_or("").to_owned();
    let mut headers = vec![JSON, ACCEPT, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    if !name.is_empty() {
        headers.push(("mcp-name", &name));
    }
    agent.post_raw(&agent.key, &headers, message(method, params)).await.expect(200)["result"].clone()
}

#[tokio::test]
async fn the_newest_revision_needs_no_handshake() {
    let agent = Agent::new().await;
    let discovered = newest(&agent, "server/discover", json!({})).await;
    let versions: Vec<_> =
        discovered["supportedVersions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for version in ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"] {
        assert!(versions.contains(&version), "{versions:?}");
    }
    assert!(discovered["instructions"].is_string());
    assert_eq!(newest(&agent, "tools/list", json!({})).await["tools"].as_array().unwrap().len(), 11);
    let created =
        newest(&agent, "tools/call", json!({"name": "memory_create", "arguments": {"content": "stateless"}}))
            .await;
    assert_eq!(
        (&created["structuredContent"]["id"], &created["resultType"]),
        (&json!(1), &json!("complete"))
    );
    let read = newest(&agent, "resources/read", json!({"uri": "engram://memory/1"})).await;
    assert!(read["contents"][0]["text"].as_str().unwrap().contains("stateless"));
}

#[tokio::test]
async fn discovery_without_its_metadata_is_told_what_is_missing() {
    let agent = Agent::new().await;
    let error = rpc_error(&agent.bare("server/discover", json!({})).await, 400);
    assert_eq!(error["code"], -32_602);
    assert!(error["message"].as_str().unwrap().contains("modelcontextprotocol/protocolVersion"), "{error}");
}

#[tokio::test]
async fn what_the_newest_revision_dropped_is_not_found() {
    let agent = Agent::new().await;
    for method in ["initialize", "ping", "no/such/method"] {
        let headers = [JSON, ACCEPT, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        let gone = agent.post_raw(&agent.key, &headers, message(method, json!({"_meta": meta()}))).await;
        assert_eq!(rpc_error(&gone, 404)["code"], -32_601, "{method}");
    }
}

#[tokio::test]
async fn a_request_that_contradicts_its_headers_is_refused_and_nothing_is_done() {
    let agent = Agent::new().await;
    let params = json!({"name": "memory_create", "arguments": {"content": "x"}, "_meta": meta()});
    let headers = [
        JSON,
        ACCEPT,
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/list"),
        ("mcp-name", "memory_create"),
    ];
    let answer = agent.post_raw(&agent.key, &headers, message("tools/call", params)).await;
    assert_eq!(rpc_error(&answer, 400)["code"], -32_020);
    let unknown = agent
        .post_raw(
            &agent.key,
            &[JSON, ("mcp-protocol-version", "1999-01-01")],
            message("tools/list", json!({})),
        )
        .await;
    let error = rpc_error(&unknown, 400);
    assert!(error["message"].as_str().unwrap().contains("1999-01-01"), "{error}");
    assert_eq!(agent.tool("memory_stats", json!({})).await["memories"], 0);
}

#[tokio::test]
async fn only_post_is_there() {
    let agent = Agent::new().await;
    for method in [http::Method::GET, http::Method::DELETE, http::Method::PUT] {
        let answer = agent.ask(method, "/v1/mcp", Value::Null).await;
        answer.expect_error(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
}

#[tokio::test]
async fn the_tools_are_described_for_models_and_for_machines() {
    let agent = Agent::new().await;
    let listed = agent.bare("tools/list", json!({})).await.expect(200);
    let tools = listed["result"]["tools"].as_array().unwrap();
    let told: Vec<_> = tools
        .iter()
        .map(|tool| {
            let hint =
                |name: &'static str| if tool["annotations"][name].as_bool().unwrap() { name } else { "-" };
            let hints = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"].map(hint);
            let required: Vec<_> = tool["inputSchema"]["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            (tool["name"].as_str().unwrap(), hints, required)
        })
        .collect();
    let (reads, adds) = (["readOnlyHint", "-", "idempotentHint", "-"], ["-", "-", "-", "-"]);
    assert_eq!(
        told,
        [
            ("memory_search", reads, vec!["query"]),
            ("memory_context", reads, vec!["query"]),
            ("memory_create", adds, vec!["content"]),
            ("memory_create_batch", adds, vec!["memories"]),
            ("memory_update", ["-", "-", "idempotentHint", "-"], vec!["id"]),
            ("memory_get", reads, vec!["id"]),
            ("memory_list", reads, vec![]),
            ("memory_history", reads, vec!["id"]),
            ("memory_delete", ["-", "destructiveHint", "idempotentHint", "-"], vec!["id"]),
            ("memory_stats", reads, vec![]),
            ("workspace_list", reads, vec![]),
        ]
    );
    for tool in tools {
        let text = tool.to_string();
        assert!(!text.contains("$ref") && !text.contains("#/components"), "{text}");
        assert!(tool["description"].as_str().unwrap().len() > 100 && tool["title"].is_string(), "{text}");
        for schema in ["inputSchema", "outputSchema"] {
            assert_eq!(tool[schema]["type"], "object", "{text}");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{text}");
        for property in tool["inputSchema"]["properties"].as_object().unwrap().values() {
            assert!(property["description"].is_string(), "{}: {property}", tool["name"]);
        }
    }
    // A model reads all of this in every conversation.
    assert!(listed.to_string().len() < 32_000, "{} bytes", listed.to_string().len());
}
