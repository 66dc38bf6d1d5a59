//! Resources and the prompt.

use serde_json::{Value, json};

use crate::agent::{Agent, rpc_error};

async fn read(agent: &Agent, uri: &str) -> Value {
    let answer = agent.bare("resources/read", json!({"uri": uri})).await.expect(200);
    let contents = &answer["result"]["contents"][0];
    assert_eq!(
        (&contents["uri"], &contents["mimeType"]),
        (&json!(uri), &json!("application/json")),
        "{answer}"
    );
    serde_json::from_str(contents["text"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn resources_are_listed_and_read() {
    let agent = Agent::new().await;
    agent.tool("memory_create", json!({"content": "at home", "workspace": "home"})).await;
    agent.tool("memory_create", json!({"content": "elsewhere"})).await;
    let listed = agent.bare("resources/list", json!({})).await.expect(200);
    assert_eq!(listed["result"]["resources"][0]["uri"], "engram://stats");
    let templates = agent.bare("resources/templates/list", json!({})).await.expect(200);
    let templates: Vec<_> = templates["result"]["resourceTemplates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["uriTemplate"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(templates, ["engram://memory/{id}", "engram://workspace/{name}"]);

    assert_eq!(read(&agent, "engram://memory/1").await, agent.get("/v1/memories/1").await.expect(200));
    let home = read(&agent, "engram://workspace/home").await;
    assert_eq!(
        (home["items"].as_array().unwrap().len(), &home["items"][0]["content"]),
        (1, &json!("at home"))
    );
    assert_eq!(read(&agent, "engram://stats").await["memories"], 2);
}

#[tokio::test]
async fn a_resource_that_is_not_there_is_told_as_such() {
    let agent = Agent::new().await;
    for (uri, code) in [
        ("engram://memory/99", "memory_not_found"),
        ("engram://memory/x", "not_found"),
        ("file:///etc/passwd", "not_found"),
    ] {
        let error = rpc_error(&agent.bare("resources/read", json!({"uri": uri})).await, 200);
        assert_eq!((&error["code"], &error["data"]["error"]), (&json!(-32_002), &json!(code)), "{uri}");
    }
}

#[tokio::test]
async fn the_prompt_puts_what_is_known_before_the_agent() {
    let agent = Agent::new().await;
    let listed = agent.bare("prompts/list", json!({})).await.expect(200);
    let prompt = &listed["result"]["prompts"][0];
    assert_eq!(
        (&prompt["name"], &prompt["arguments"][0]["name"], &prompt["arguments"][0]["required"]),
        (&json!("recall_context"), &json!("task"), &json!(true))
    );

    let memory = json!({"content": "Releases are announced\non Fridays.", "kind": "decision", "actor": "Anna", "event_time": "2026-05-08T10:00:00Z", "workspace": "apollo"});
    agent.tool("memory_create", memory).await;
    let recall = async |arguments: Value| {
        let answer = agent
            .bare("prompts/get", json!({"name": "recall_context", "arguments": arguments}))
            .await
            .expect(200);
        let message = &answer["result"]["messages"][0];
        assert_eq!(message["role"], "user", "{answer}");
        message["content"]["text"].as_str().unwrap().to_owned()
    };
    let text = recall(json!({"task": "announce the release"})).await;
    assert!(text.starts_with("The task: announce the release\n"), "{text}");
    assert!(text.contains("\n#1 [decision] 2026-05-08 Anna: Releases are announced on Fridays.\n"), "{text}");
    let text = recall(json!({"task": "announce the release", "workspace": "other"})).await;
    assert!(text.contains("Nothing is remembered"), "{text}");

    for (arguments, fields) in [
        (json!({}), vec!["task"]),
        (json!({"task": " ", "when": "now"}), vec!["task", "when"]),
        (json!({"task": "x", "workspace": "a b"}), vec!["workspace"]),
    ] {
        let error = rpc_error(
            &agent.bare("prompts/get", json!({"name": "recall_context", "arguments": arguments})).await,
            200,
        );
        let told: Vec<_> = error["data"]["details"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["field"].as_str().unwrap())
            .collect();
        assert_eq!((&error["code"], told), (&json!(-32_602), fields), "{error}");
    }
}
