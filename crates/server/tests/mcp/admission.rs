//! Who is let in, and what those hear who are not.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use server::config::Enforcement;

use crate::agent::{Agent, rpc_error};

#[tokio::test]
async fn without_a_valid_key_nothing_is_told() {
    let agent = Agent::new().await;
    for key in ["", "eng_live_wrong", "eng_live_00000000000000000000000000000000000000"] {
        for method in ["tools/list", "initialize", "server/discover", "no/such/method"] {
            let answer = agent.bare_as(key, method, json!({"protocolVersion": "2025-06-18"})).await;
            let error = rpc_error(&answer, 401);
            assert_eq!(
                (&error["code"], &error["data"]["error"]),
                (&json!(-32_001), &json!("unauthorized")),
                "{error}"
            );
            assert_eq!(answer.json()["id"], 1, "a client finds the request it belongs to");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
            assert_eq!(error["data"]["request_id"], answer.header("x-request-id"));
        }
    }
    let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    assert_eq!(agent.post_raw("", &[], body).await.status, 401);
    let both = agent
        .post_raw(
            &agent.key,
            &[("x-api-key", &agent.key)],
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string(),
        )
        .await;
    assert_eq!(rpc_error(&both, 400)["data"]["error"], "conflicting_credentials");
    let by_header = agent
        .post_raw(
            "",
            &[("x-api-key", &agent.key)],
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string(),
        )
        .await;
    assert_eq!(by_header.expect(200)["result"], json!({}));
}

#[tokio::test]
async fn who_asks_is_looked_at_before_what_is_asked() {
    let agent = Agent::new().await;
    let long = json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "x".repeat(100_000)}});
    for (headers, body, id) in [
        (vec![("content-type", "text/plain")], "hello".to_owned(), Value::Null),
        (vec![], "{".to_owned(), Value::Null),
        (vec![("idempotency-key", " ")], r#"{"id":7}"#.to_owned(), json!(7)),
        (vec![], long.to_string(), Value::Null),
    ] {
        let answer = agent.post_raw("eng_live_wrong", &headers, body).await;
        assert_eq!(rpc_error(&answer, 401)["data"]["error"], "unauthorized", "{headers:?}");
        assert_eq!(answer.json()["id"], id, "{headers:?}");
    }
}

#[tokio::test]
async fn a_key_of_any_scope_may_ask_what_there_is() {
    let agent = Agent::new().await;
    let narrow = json!({"tenant": "default", "scopes": ["search"]});
    let made = agent.ask_locally(Method::POST, "/api-keys", narrow).await.expect(201);
    let key = made["key"].as_str().unwrap();
    for method in ["tools/list", "resources/list", "resources/templates/list", "prompts/list", "ping"] {
        let answer = agent.bare_as(key, method, json!({})).await;
        assert!(answer.expect(200)["result"].is_object(), "{method}");
    }
    let call = async |tool: &str, arguments: Value| {
        agent.bare_as(key, "tools/call", json!({"name": tool, "arguments": arguments})).await
    };
    let found = call("memory_search", json!({"query": "x"})).await;
    assert_eq!(found.expect(200)["result"]["isError"], false);
    let error = rpc_error(&call("memory_get", json!({"id": 1})).await, 200);
    assert_eq!((&error["code"], &error["data"]["error"]), (&json!(-32_000), &json!("forbidden")));
}

#[tokio::test]
async fn a_key_reaches_its_own_tenant_alone() {
    let agent = Agent::new().await;
    let other = agent.another_tenant("other").await;
    agent.tool("memory_create", json!({"content": "the default tenant's secret"})).await;
    let call = async |tool: &str, arguments: Value| {
        agent.bare_as(&other, "tools/call", json!({"name": tool, "arguments": arguments})).await.expect(200)["result"].clone()
    };
    assert_eq!(
        call("memory_search", json!({"query": "secret"})).await["structuredContent"]["items"],
        json!([])
    );
    assert_eq!(call("memory_get", json!({"id": 1})).await["structuredContent"]["error"], "memory_not_found");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let wrong = agent.post_raw(&other, &[("x-engram-tenant", "default")], body).await;
    let error = rpc_error(&wrong, 200);
    assert_eq!((&error["code"], &error["data"]["error"]), (&json!(-32_000), &json!("tenant_mismatch")));
}

#[tokio::test]
async fn refusals_have_their_own_numbers() {
    let agent = Agent::with(|config| config.limits.rates = Enforcement::Enforced).await;
    let key = agent.another_tenant("limited").await;
    let limits = json!({"tenant": "limited", "limits": {"rates": {"search": {"per_second": 1, "burst": 1}}}});
    agent.ask_locally(Method::POST, "/plans", limits).await.expect(200);
    let search = async || {
        agent.bare_as(&key, "tools/call", json!({"name": "memory_search", "arguments": {"query": "x"}})).await
    };
    let first = search().await;
    assert_eq!(
        (first.expect(200)["result"]["isError"].clone(), first.header("ratelimit-limit")),
        (json!(false), "1")
    );
    let limited = search().await;
    let error = rpc_error(&limited, 200);
    assert_eq!((&error["code"], &error["data"]["error"]), (&json!(-32_005), &json!("rate_limited")));
    assert!(error["data"]["retry_after"].as_u64().unwrap() >= 1, "{error}");
    assert_eq!(limited.header("retry-after"), error["data"]["retry_after"].to_string());

    let narrow = json!({"tenant": "limited", "scopes": ["memories:read"]});
    let reader = agent.ask_locally(Method::POST, "/api-keys", narrow).await.expect(201)["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let write = agent
        .bare_as(&reader, "tools/call", json!({"name": "memory_create", "arguments": {"content": "x"}}))
        .await;
    let error = rpc_error(&write, 200);
    assert_eq!((&error["code"], &error["data"]["error"]), (&json!(-32_000), &json!("forbidden")));

    agent.ask_locally(Method::PATCH, "/tenants/limited", json!({"status": "suspended"})).await.expect(200);
    let suspended = agent.bare_as(&key, "tools/list", json!({})).await;
    let error = rpc_error(&suspended, 200);
    assert_eq!((&error["code"], &error["data"]["error"]), (&json!(-32_003), &json!("tenant_suspended")));
}

#[tokio::test]
async fn every_request_is_counted_once_under_what_it_did() {
    let agent = Agent::new().await;
    let check = async |method: &str, params: Value, route: &str, status: u16| {
        let answer = agent.bare(method, params).await;
        let id = tenancy::RequestId::from_uuid(uuid::Uuid::parse_str(answer.header("x-request-id")).unwrap());
        agent.app.meter.drain(Duration::from_secs(5)).await;
        let event = agent.app.control.usage_event(id).await.unwrap().unwrap();
        assert_eq!((event.route.as_str(), event.status), (route, status), "{method}");
        event.counters
    };
    let tool = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let batch = json!({"memories": [{"content": "a"}, {"content": "b"}]});
    let counted = check("tools/call", tool("memory_create_batch", batch), "create_memory_batch", 200).await;
    assert_eq!((counted.api_calls, counted.memories_created), (1, 2));
    let counted = check("tools/call", tool("memory_search", json!({"query": "a"})), "search", 200).await;
    assert_eq!((counted.api_calls, counted.search_queries), (1, 1));
    let counted = check("tools/call", tool("memory_search", json!({})), "search", 400).await;
    assert_eq!((counted.api_calls, counted.search_queries), (1, 0));
    check("tools/call", tool("memory_get", json!({"id": 99})), "get_memory", 404).await;
    check("tools/call", tool("no_such_tool", json!({})), "describe_mcp", 200).await;
    check("resources/read", json!({"uri": "engram://stats"}), "stats", 200).await;
    check(
        "prompts/get",
        json!({"name": "recall_context", "arguments": {"task": "a"}}),
        "recall_context",
        200,
    )
    .await;
    let counted =
        check("tools/call", tool("memory_context", json!({"query": "a"})), "recall_context", 200).await;
    assert_eq!((counted.api_calls, counted.search_queries), (1, 1));
    let counted = check("tools/list", json!({}), "describe_mcp", 200).await;
    assert_eq!((counted.api_calls, counted.search_queries), (1, 0));
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let agent = Agent::new().await;
    let ping = || json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for origin in ["http://localhost", "http://localhost:3000", "https://127.0.0.1:8080", "http://[::1]:9"] {
        assert_eq!(agent.post_raw(&agent.key, &[("origin", origin)], ping()).await.status, 200, "{origin}");
    }
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "file://localhost",
    ] {
        let answer = agent.post_raw(&agent.key, &[("origin", origin)], ping()).await;
        assert_eq!(rpc_error(&answer, 403)["data"]["error"], "forbidden", "{origin}");
    }
    // Whatever name the service is reached by, a key is what counts.
    assert_eq!(agent.post_raw(&agent.key, &[("host", "engram.example.com:8443")], ping()).await.status, 200);
}

#[tokio::test]
async fn a_process_on_the_private_socket_needs_no_key() {
    let agent = Agent::new().await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "memory_create", "arguments": {"content": "local"}}});
    let answer = agent.ask_locally(Method::POST, "/v1/mcp", call).await.expect(200);
    assert_eq!(answer["result"]["structuredContent"]["id"], 1);
}
