//! The control plane in a real PostgreSQL: set up, looked at, served from, and refused when it is another's.

mod harness;

use harness::{Folder, Service};
use serde_json::{Value, json};
use testkit::postgres::Server;

#[test]
fn a_database_is_set_up_looked_at_and_left_alone() {
    let server = Server::start();
    let url = server.database("engram");
    let folder = Folder::new();
    let ask = |command: &'static str, env: &'static str| {
        folder.json(&["control", command, "--env", env, "--control-url", &url])
    };
    let empty = ask("status", "staging");
    assert_eq!(
        (&empty["kind"], &empty["state"], &empty["version"]),
        (&json!("postgres"), &json!("empty"), &json!(0))
    );
    let made = ask("migrate", "staging");
    assert_eq!((&made["from"], &made["to"]), (&json!(0), &empty["needed"]));
    assert_eq!(ask("migrate", "staging")["migrated"], false);
    let current = ask("status", "staging");
    assert_eq!((&current["state"], &current["environment"]), (&json!("current"), &json!("staging")));
    let (told, code) = folder.refusal(&["control", "migrate", "--env", "dev", "--control-url", &url]);
    assert!(told.contains("staging") && code == 1, "{told}");
    assert!(!folder.path().exists(), "the data folder is not needed");
}

#[test]
fn a_newer_schema_is_told_and_refused() {
    let server = Server::start();
    let url = server.database("engram");
    let folder = Folder::new();
    folder.json(&["control", "migrate", "--env", "staging", "--control-url", &url]);
    server.query("engram", "UPDATE refinery_schema_history SET version = version + 1000");
    let newer = folder.json(&["control", "status", "--env", "staging", "--control-url", &url]);
    assert_eq!(newer["state"], "newer");
    let (told, _) = folder.refusal(&["tenant", "list", "--set", "env=staging", "--control-url", &url]);
    assert!(told.contains("takes an engram that knows version"), "{told}");
}

#[tokio::test]
async fn a_service_on_postgresql_administers_its_tenants() {
    let server = Server::start();
    let url = server.database("engram");
    let folder = Folder::new();
    let service = Service::start_with(&folder.path(), &["--control-url", &url]);
    let stored = service.call("POST", "/v1/memories", Some(json!({"content": "on PostgreSQL"}))).await;
    assert_eq!(stored.0, 201, "{}", stored.1);
    let ask = |args: &[&str]| folder.json(args);
    ask(&["tenant", "create", "acme"]);
    ask(&["member", "add", "anna", "--tenant", "acme", "--role", "owner"]);
    ask(&["plan", "set", "--tenant", "acme", "--limit", "memories=1"]);
    let gone = ask(&["tenant", "delete", "acme", "--yes"]);
    assert_eq!(gone["deletion"]["status"], "finished", "{gone}");
    assert_eq!(gone["deletion"]["steps"]["stop_traffic"]["members_removed"], 1, "{gone}");
    let log = ask(&["audit", "--limit", "1"]);
    assert_eq!(log["items"][0]["action"], "finish_tenant_deletion", "{log}");
    assert_ne!(server.query("engram", "SELECT count(*) FROM audit_log"), "0");
    let embedded: Value = ask(&["control", "status"]);
    assert_eq!(embedded["kind"], "sqlite");
}
