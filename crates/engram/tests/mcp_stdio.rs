//! `engram mcp` over pipes: alone, several on one folder, beside a service, and through the death of an owner.

mod harness;

use harness::{Agent, Folder, Service, engram};
use serde_json::json;

fn agent(folder: &Folder) -> Agent {
    let mut agent = Agent::start(folder.command(["mcp"]));
    agent.initialize();
    agent
}

#[test]
fn an_agent_remembers_and_recalls() {
    let folder = Folder::new();
    let mut agent = Agent::start(folder.command(["mcp"]));
    let answer = agent.initialize();
    assert_eq!(answer["result"]["protocolVersion"], "2025-06-18", "{answer}");
    let tools = agent.ask("tools/list", json!({}));
    assert!(
        tools["result"]["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "memory_search"),
        "{tools}"
    );
    agent.tool("memory_create", json!({"content": "The deploy key lives in the vault."}));
    let found = agent.tool("memory_search", json!({"query": "where is the deploy key?"}));
    assert!(found.to_string().contains("vault"), "{found}");
    let unknown = agent.ask("no/such/method", json!({}));
    assert!(unknown["error"]["code"].is_i64(), "{unknown}");
    let (rest, status) = agent.finish();
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)), "notifications get no answer");
}

#[test]
fn a_line_that_is_no_json_is_answered_and_forgotten() {
    use std::io::Write;
    let folder = Folder::new();
    let mut child = folder
        .command(["mcp"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"not json\n\n{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"}\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let lines: Vec<serde_json::Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["error"]["code"], -32_700);
    assert_eq!((&lines[1]["id"], &lines[1]["result"]), (&json!("a"), &json!({})));
}

#[test]
fn many_requests_at_once_are_all_answered() {
    let folder = Folder::new();
    let mut agent = agent(&folder);
    for id in 1_000..1_100 {
        let arguments = json!({"content": format!("fact number {id}")});
        agent.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "memory_create", "arguments": arguments}}));
    }
    let mut ids: Vec<_> = (0..100).map(|_| agent.receive()["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1_000..1_100).collect::<Vec<_>>());
}

#[test]
fn two_agents_share_one_folder() {
    let folder = Folder::new();
    let (mut one, mut other) = (agent(&folder), agent(&folder));
    one.tool("memory_create", json!({"content": "The office is in Lisbon."}));
    let found = other.tool("memory_search", json!({"query": "office"}));
    assert!(found.to_string().contains("Lisbon"), "{found}");
    // Commands join too.
    let found = folder.json(&["search", "office"]);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[test]
fn agents_join_a_running_service() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    let mut agent = agent(&folder);
    agent.tool("memory_create", json!({"content": "Seen from both sides."}));
    assert_eq!(folder.json(&["search", "both sides"])["items"].as_array().unwrap().len(), 1);
    // The service ends; the agent's next request finds the folder without an owner and opens it.
    service.kill();
    let found = agent.tool("memory_search", json!({"query": "both sides"}));
    assert!(found.to_string().contains("Seen from both sides."), "{found}");
    assert_eq!(folder.json(&["status"])["pid"], agent.pid());
}

#[test]
fn when_the_owner_dies_another_takes_over() {
    let folder = Folder::new();
    let owner = agent(&folder);
    let mut heirs: Vec<_> = (0..3).map(|_| agent(&folder)).collect();
    heirs[0].tool("memory_create", json!({"content": "Said before the death."}));
    owner.kill();
    for (number, heir) in heirs.iter_mut().enumerate() {
        heir.tool("memory_create", json!({"content": format!("Said after the death by {number}.")}));
    }
    for heir in &mut heirs {
        let stats = heir.tool("memory_stats", json!({}));
        assert_eq!(stats["memories"], 4, "{stats}");
    }
}

#[test]
fn an_owner_that_leaves_in_order_hands_over() {
    let folder = Folder::new();
    let mut owner = agent(&folder);
    let mut heir = agent(&folder);
    owner.tool("memory_create", json!({"content": "kept"}));
    assert_eq!(owner.finish().1.code(), Some(0));
    assert_eq!(heir.tool("memory_stats", json!({}))["memories"], 1);
}

#[test]
fn a_hosted_service_is_reached_with_a_key() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    let mut command = engram(["mcp", "--data-dir", "/proc/never-used"]);
    command.env("ENGRAM_URL", &service.url).env("ENGRAM_API_KEY", &service.api_key);
    let mut agent = Agent::start(command);
    agent.initialize();
    agent.tool("memory_create", json!({"content": "from afar"}));
    assert_eq!(folder.json(&["search", "afar"])["items"].as_array().unwrap().len(), 1);

    let mut command = engram(["mcp"]);
    command.env("ENGRAM_URL", &service.url).env("ENGRAM_API_KEY", "eng_live_wrong");
    let mut stranger = Agent::start(command);
    let refused = stranger.ask("tools/list", json!({}));
    assert!(refused["error"]["message"].is_string(), "{refused}");
}
