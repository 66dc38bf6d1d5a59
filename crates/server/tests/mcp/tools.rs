//! Every tool: what it does, and that its answer is what its schema says.

use serde_json::{Value, json};

use crate::agent::Agent;

/// Whether a value has what a schema of ours asks for: types, required and known fields.
#[track_caller]
fn check_shape(value: &Value, schema: &Value, place: &str) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if let Some(options) = schema["oneOf"].as_array() {
        let option = options.iter().find(|option| (option["type"] == "null") == value.is_null()).unwrap();
        return check_shape(value, option, place);
    }
    let allowed: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let fits = allowed.contains(&kind) || (kind == "integer" && allowed.contains(&"number"));
    assert!(fits, "{place}: {value} is no {allowed:?}");
    let required = schema["anyOf"][0].get("required").unwrap_or(&schema["required"]);
    for field in required.as_array().into_iter().flatten() {
        assert!(value.get(field.as_str().unwrap()).is_some(), "{place}: {field} is missing in {value}");
    }
    if let (Value::Object(object), Some(properties)) = (value, schema["properties"].as_object()) {
        for (name, inner) in object {
            let property =
                properties.get(name).unwrap_or_else(|| panic!("{place}.{name} is not in the schema"));
            check_shape(inner, property, &format!("{place}.{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check_shape(item, &schema["items"], &format!("{place}[]"));
    }
}

/// Calls a tool and holds its answer against its schema.
async fn ask(agent: &Agent, tool: &str, arguments: Value) -> Value {
    let listed = agent.bare("tools/list", json!({})).await.expect(200);
    let described =
        listed["result"]["tools"].as_array().unwrap().iter().find(|t| t["name"] == tool).unwrap().clone();
    let answer = agent.tool(tool, arguments).await;
    check_shape(&answer, &described["outputSchema"], tool);
    answer
}

#[tokio::test]
async fn a_memory_lives_through_every_tool() {
    let agent = Agent::new().await;
    let full = json!({
        "content": "The release is announced on Fridays.", "kind": "decision", "tags": ["release"], "importance": 0.9,
        "metadata": {"ticket": {"id": 7}}, "workspace": "Apollo", "user_id": "u", "agent_id": "a", "session_id": "s",
        "actor": "Anna", "event_time": "2026-05-08T10:00:00Z", "valid_from": "2026-05-08T10:00:00Z",
        "custom_id": "announce",
    });
    let created = ask(&agent, "memory_create", full).await;
    assert_eq!(
        (&created["id"], &created["workspace"], &created["version"]),
        (&json!(1), &json!("apollo"), &json!(1))
    );

    let batch = json!({"memories": [{"content": "Ben writes the changelog.", "kind": "fact"}, {"content": "Update the docs.", "kind": "todo", "tier": "daily"}]});
    let stored = ask(&agent, "memory_create_batch", batch).await;
    let ids: Vec<_> =
        stored["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [2, 3]);

    let found = ask(
        &agent,
        "memory_search",
        json!({"query": "when do we announce a release?", "explain": true, "limit": 2}),
    )
    .await;
    assert_eq!(found["items"][0]["memory"]["id"], 1);
    assert!(found["items"][0]["explain"]["signals"].is_array(), "{found}");
    let filtered =
        ask(&agent, "memory_search", json!({"query": "release", "filters": {"metadata.ticket.id": 8}})).await;
    assert_eq!(filtered["items"], json!([]));

    let changed = ask(
        &agent,
        "memory_update",
        json!({"id": 1, "content": "The release is announced on Mondays.", "actor": null, "version": 1}),
    )
    .await;
    assert_eq!((&changed["version"], &changed["actor"]), (&json!(2), &Value::Null));
    assert_eq!(ask(&agent, "memory_get", json!({"id": 1})).await, changed);
    let versions = ask(&agent, "memory_history", json!({"id": 1})).await;
    let changes: Vec<_> =
        versions["items"].as_array().unwrap().iter().map(|v| v["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["updated", "created"]);

    let page = ask(&agent, "memory_list", json!({"limit": 2})).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let rest = ask(&agent, "memory_list", json!({"limit": 2, "cursor": page["next_cursor"]})).await;
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!(1), &Value::Null));
    assert_eq!(
        ask(&agent, "memory_list", json!({"kind": "todo", "order": "oldest"})).await["items"][0]["id"],
        3
    );

    let stats = ask(&agent, "memory_stats", json!({})).await;
    assert_eq!((&stats["memories"], &stats["workspaces"]), (&json!(3), &json!(2)));
    let workspaces = ask(&agent, "workspace_list", json!({})).await;
    assert_eq!(workspaces["items"].as_array().unwrap().len(), 2);

    assert_eq!(ask(&agent, "memory_delete", json!({"id": 1})).await, json!({"id": 1, "deleted": true}));
    assert_eq!(agent.failing_tool("memory_get", json!({"id": 1})).await.1["error"], "memory_not_found");
    // Both doors lead to the same memories, in the same shape.
    let over_rest = agent.get("/v1/memories/2").await.expect(200);
    assert_eq!(agent.tool("memory_get", json!({"id": 2})).await, over_rest);
}

#[tokio::test]
async fn a_known_custom_id_updates() {
    let agent = Agent::new().await;
    agent.tool("memory_create", json!({"content": "one", "custom_id": "k"})).await;
    let again = agent.tool("memory_create", json!({"content": "two", "custom_id": "k"})).await;
    assert_eq!((&again["id"], &again["version"]), (&json!(1), &json!(2)));
    let batch = agent
        .tool("memory_create_batch", json!({"memories": [{"content": "three", "custom_id": "k"}]}))
        .await;
    assert_eq!((&batch["items"][0]["id"], &batch["items"][0]["version"]), (&json!(1), &json!(3)));
    assert_eq!(batch["items"], json!([agent.get("/v1/memories/1").await.expect(200)]), "as REST has it");
}

#[tokio::test]
async fn a_call_that_is_sent_twice_with_one_key_happens_once() {
    let agent = Agent::new().await;
    let send = async |content: &str| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "memory_create", "arguments": {"content": content}}});
        agent.post_raw(&agent.key, &[("idempotency-key", "k-1")], call.to_string()).await.expect(200)["result"].clone()
    };
    let first = send("once").await;
    assert_eq!(send("once").await["structuredContent"], first["structuredContent"]);
    let other = send("something else").await;
    assert_eq!(
        (&other["isError"], &other["structuredContent"]["error"]),
        (&json!(true), &json!("idempotency_key_reused"))
    );
    assert_eq!(agent.tool("memory_stats", json!({})).await["memories"], 1);
    let empty = agent
        .post_raw(
            &agent.key,
            &[("idempotency-key", " ")],
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string(),
        )
        .await;
    assert_eq!(empty.expect(400)["error"]["data"]["error"], "invalid_request");
}

#[tokio::test]
async fn a_context_is_what_bears_on_a_task_within_a_budget() {
    let agent = Agent::new().await;
    let rows = json!([
        {"content": "The release is announced on Fridays.", "kind": "decision", "actor": "Anna", "workspace": "apollo", "session_id": "s1", "event_time": "2026-05-08T10:00:00Z"},
        {"content": "The release was announced late because the changelog was missing.", "kind": "event", "workspace": "apollo", "event_time": "2026-05-01T10:00:00Z"},
        {"content": "The release is announced on fridays", "actor": "Anna", "workspace": "apollo", "event_time": "2026-05-08T12:00:00Z"},
        {"content": "Announce a release by mail first. ".repeat(60), "workspace": "apollo"},
    ]);
    agent.tool("memory_create_batch", json!({ "memories": rows })).await;
    let query = "announce the release";

    let context =
        ask(&agent, "memory_context", json!({"query": query, "budget_tokens": 400, "order": "time"})).await;
    let items = context["items"].as_array().unwrap();
    let ids: Vec<_> = items.iter().map(|item| item["id"].as_i64().unwrap()).collect();
    assert!(ids.starts_with(&[2]) && ids.len() == 3 && ids.contains(&4), "{context}");
    assert_eq!(context["left_out"], json!({"near_duplicates": 1, "over_budget": 0}));
    let first = items.iter().find(|item| item["id"] != 4 && item["id"] != 2).unwrap();
    assert_eq!(
        first["source"],
        json!({"actor": "Anna", "session_id": first["source"]["session_id"], "workspace": "apollo"})
    );
    assert_eq!(first["date"].as_str().unwrap()[..10], *"2026-05-08");
    let long = items.iter().find(|item| item["id"] == 4).unwrap();
    assert_eq!((&long["cut"], long["tokens"].as_i64().unwrap() <= 130), (&json!(true), true), "{long}");
    let tokens = context["tokens"].as_u64().unwrap();
    assert!(tokens <= 400, "{tokens}");
    let text = context["text"].as_str().unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("#2 [event] 2026-05-01: The release was announced late"), "{text}");

    let small = ask(
        &agent,
        "memory_context",
        json!({"query": query, "budget_tokens": 64, "filters": {"kind": "event"}}),
    )
    .await;
    assert_eq!((&small["items"][0]["id"], &small["items"][1]), (&json!(2), &Value::Null), "{small}");
    let one = ask(&agent, "memory_context", json!({"query": query, "limit": 1, "workspace": "Apollo"})).await;
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    for nothing in [
        json!({"query": query, "workspace": "elsewhere"}),
        json!({"query": " "}),
        json!({"query": query, "min_score": 1, "filters": {"kind": "todo"}}),
    ] {
        let none = ask(&agent, "memory_context", nothing).await;
        assert_eq!((&none["text"], &none["items"], &none["tokens"]), (&json!(""), &json!([]), &json!(0)));
    }
}

#[tokio::test]
async fn both_doors_recall_the_same_and_refuse_the_same() {
    let agent = Agent::new().await;
    agent.tool("memory_create", json!({"content": "The release is announced on Fridays."})).await;
    let mut context = agent.tool("memory_context", json!({"query": "announce the release"})).await;
    let mut over_rest = agent.post("/v1/context", json!({"query": "announce the release"})).await.expect(200);
    context["took_ms"].take();
    over_rest["took_ms"].take();
    assert_eq!(context, over_rest);
    let wrong = json!({"budget_tokens": 63, "order": "newest", "limit": 201, "min_score": 2, "filter": {}});
    let told = agent.post("/v1/context", wrong.clone()).await.expect_error(400, "invalid_request");
    assert_eq!(agent.failing_tool("memory_context", wrong).await.1["details"], told["details"]);
    let fields: Vec<_> =
        told["details"].as_array().unwrap().iter().map(|d| d["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["query", "budget_tokens", "limit", "order", "min_score", "filter"]);
}
