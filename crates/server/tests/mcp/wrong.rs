//! What goes wrong, and that it is told in a way somebody can act on.

use serde_json::{Value, json};

use crate::agent::{Agent, rpc_error};

#[tokio::test]
async fn every_problem_of_the_arguments_is_told_to_the_model_at_once() {
    let agent = Agent::new().await;
    let check = async |tool: &str, arguments: Value, fields: &[&str]| {
        let (text, body) = agent.failing_tool(tool, arguments).await;
        assert_eq!(body["error"], "invalid_request", "{body}");
        let mut told: Vec<_> =
            body["details"].as_array().unwrap().iter().map(|d| d["field"].as_str().unwrap()).collect();
        told.sort_unstable();
        assert_eq!(told, fields, "{body}");
        assert!(fields.iter().all(|field| text.contains(field)) && text.contains("call again"), "{text}");
        assert!(body["request_id"].is_string(), "{body}");
    };
    check("memory_create", json!({}), &["content"]).await;
    check(
        "memory_create",
        json!({"content": " ", "importance": 7, "colour": "red", "tags": [1]}),
        &["colour", "content", "importance", "tags[0]"],
    )
    .await;
    check(
        "memory_create_batch",
        json!({"memories": [{"content": "ok"}, {"contents": "x"}]}),
        &["memories[1].content", "memories[1].contents"],
    )
    .await;
    check("memory_create_batch", json!({"memories": []}), &["memories"]).await;
    check(
        "memory_search",
        json!({"query": "x", "limit": "10", "filters": {"nope": 1}}),
        &["filters.nope", "limit"],
    )
    .await;
    check("memory_search", json!({"q": "x"}), &["q", "query"]).await;
    check(
        "memory_update",
        json!({"importance": 7, "content": null, "id": "1"}),
        &["content", "id", "importance"],
    )
    .await;
    check("memory_update", json!({}), &["id"]).await;
    check("memory_get", json!({"id": 0, "verbose": true}), &["id", "verbose"]).await;
    check("memory_delete", json!({"ids": [1]}), &["id", "ids"]).await;
    check("memory_history", json!({"id": 1.5}), &["id"]).await;
    check("memory_list", json!({"limit": 0, "cursor": "zz"}), &["cursor", "limit"]).await;
    check("memory_stats", json!({"workspace": "x"}), &["workspace"]).await;
    check("workspace_list", json!({"limit": 1}), &["limit"]).await;
    assert_eq!(agent.tool("memory_stats", json!({})).await["memories"], 0);
}

#[tokio::test]
async fn a_model_is_told_what_to_do_next() {
    let agent = Agent::new().await;
    agent
        .tool(
            "memory_create_batch",
            json!({"memories": [{"content": "one", "custom_id": "a"}, {"content": "two"}]}),
        )
        .await;
    let check = async |tool: &str, arguments: Value, code: &str, words: &str| {
        let (text, body) = agent.failing_tool(tool, arguments).await;
        assert_eq!(body["error"], code, "{body}");
        assert!(text.contains(words), "{text}");
    };
    check("memory_get", json!({"id": 99}), "memory_not_found", "memory_search").await;
    check("memory_delete", json!({"id": 99}), "memory_not_found", "99").await;
    check("memory_update", json!({"id": 1, "content": "x", "version": 7}), "version_conflict", "memory_get")
        .await;
    check("memory_update", json!({"id": 2, "custom_id": "a"}), "custom_id_taken", "memory 1").await;
}

#[tokio::test]
async fn odd_questions_are_answered() {
    let agent = Agent::new().await;
    agent.tool("memory_create", json!({"content": "日本語のメモ \"quoted\" AND 🦀"})).await;
    for query in [
        "",
        "\"",
        "AND OR NOT",
        "a\u{0}b",
        "🦀",
        "日本語",
        "'; DROP TABLE memories; --",
        &"word ".repeat(2_000),
    ] {
        let found = agent.tool("memory_search", json!({"query": query})).await;
        assert!(found["items"].is_array(), "{query:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_a_json_rpc_error_with_its_id() {
    let agent = Agent::new().await;
    for (body, status, code, id) in [
        ("{", 400, -32_700, Value::Null),
        ("", 400, -32_700, Value::Null),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", 400, -32_600, Value::Null),
        (r#"{"jsonrpc":"1.0","id":5,"method":"ping"}"#, 400, -32_600, json!(5)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, -32_600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 400, -32_600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":7}}"#, 400, -32_602, json!("x")),
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"no_such_tool"}}"#,
            200,
            -32_602,
            json!("x"),
        ),
        (r#"{"jsonrpc":"2.0","id":"x","method":"no/such/method"}"#, 200, -32_601, json!("x")),
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":7}}"#,
            200,
            -32_602,
            json!("x"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"prompts/get","params":{"name":"no_such_prompt"}}"#,
            200,
            -32_602,
            json!("x"),
        ),
    ] {
        let answer = agent.post_raw(&agent.key, &[], body.to_owned()).await;
        let error = rpc_error(&answer, status);
        assert_eq!((&error["code"], &answer.json()["id"]), (&json!(code), &id), "{body}: {error}");
    }
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(rpc_error(&agent.post_raw(&agent.key, &[], deep).await, 400)["code"], -32_700);
    let unknown = agent.bare("tools/call", json!({"name": "memory_find"})).await;
    assert!(rpc_error(&unknown, 200)["message"].as_str().unwrap().contains("memory_search"));
    let text = agent.post_raw(&agent.key, &[("content-type", "text/plain")], "{}".to_owned()).await;
    assert_eq!(rpc_error(&text, 415)["data"]["error"], "unsupported_media_type");
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let agent = Agent::with(|config| config.limits.body_bytes = 4_096).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "memory_create", "arguments": {"content": "x".repeat(10_000)}}});
    let answer = agent.post_raw(&agent.key, &[], call.to_string()).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    assert_eq!(agent.tool("memory_stats", json!({})).await["memories"], 0);
}
