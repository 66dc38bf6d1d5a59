//! `engram doctor` and `engram load`, on a service that runs and on one that does not.

mod harness;

use std::fs;

use harness::{Folder, Service, stderr};
use serde_json::{Value, json};

/// The check of that name.
fn named<'a>(checks: &'a Value, name: &str) -> &'a Value {
    let found = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {checks}"))
}

#[tokio::test]
async fn a_running_service_is_checked_by_whoever_may_enter_its_folder() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    service.call("POST", "/v1/memories", Some(json!({"content": "tea"}))).await;
    let checks = folder.json(&["doctor", "--tenant", "default"]);
    for name in ["volume", "clock", "control_plane", "open_failures", "usage_spool", "jwks", "integrity"] {
        assert_eq!(named(&checks, name)["status"], "ok", "{checks}");
    }
    let (status, _) = service.call("GET", "/checks", None).await;
    assert_eq!(status, 403, "a tenant's key is no operator's");
    let repaired = folder.json(&["doctor", "--fix"]);
    assert_eq!(named(&repaired, "open_failures")["status"], "ok");
}

#[test]
fn a_stopped_service_is_checked_too() {
    let folder = Folder::new();
    folder.json(&["add", "tea"]);
    let checks = folder.json(&["doctor"]);
    assert_eq!(named(&checks, "volume")["status"], "ok", "{checks}");
}

#[test]
fn a_damaged_store_makes_the_exit_code_one_and_names_its_page() {
    let folder = Folder::new();
    for number in 0..60 {
        let text = format!("memory {number} {}", "of many words ".repeat(40));
        assert!(folder.run(&["add", &text]).status.success());
    }
    let database = find(&folder.path().join("tenants"), "engram.db");
    let mut bytes = fs::read(&database).unwrap();
    let (from, to) = (bytes.len() / 3, bytes.len() * 2 / 3);
    bytes[from..to].fill(0xA5);
    fs::write(&database, bytes).unwrap();
    let output = folder.command(["doctor", "--tenant", "default", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let integrity = named(&checks, "integrity");
    assert_eq!(integrity["status"], "fail", "{integrity}");
    assert_eq!(integrity["runbook"], "docs/runbooks/tenants_quarantined.md");
}

#[test]
fn a_service_that_cannot_start_is_the_first_finding() {
    let folder = Folder::new();
    folder.json(&["add", "tea"]);
    let control = folder.path().join("control");
    for sidecar in ["control.db-wal", "control.db-shm"] {
        // The last to close it may have removed them already.
        let _ = fs::remove_file(control.join(sidecar));
    }
    fs::write(control.join("control.db"), "not a database, whatever its name says ".repeat(500)).unwrap();
    let output = folder.command(["doctor", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(named(&checks, "service")["status"], "fail", "{checks}");
}

#[tokio::test]
async fn load_is_shed_and_restored_while_the_service_runs() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    assert_eq!(folder.json(&["load", "shed", "search"])["shed"], json!(["search"]));
    assert_eq!(service.call("POST", "/v1/search", Some(json!({"query": "tea"}))).await.0, 503);
    assert_eq!(folder.json(&["load", "restore", "search"])["shed"], json!([]));
    assert_eq!(service.call("POST", "/v1/search", Some(json!({"query": "tea"}))).await.0, 200);
    let capped = folder.json(&["load", "cap", "0", "--tenant", "default"]);
    assert_eq!(capped["caps"], json!([{"tenant": "default", "at_work_max": 0}]));
    assert_eq!(service.call("GET", "/v1/stats", None).await.0, 503);
    assert_eq!(folder.json(&["load", "uncap", "--tenant", "default"])["caps"], json!([]));
    assert_eq!(service.call("GET", "/v1/stats", None).await.0, 200);
    let load = folder.json(&["load", "show"]);
    assert!(load["routes"].as_array().unwrap().iter().any(|route| route["route"] == "/v1/search"), "{load}");
}

/// The first file of that name below a folder.
fn find(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return find(&path, name);
        }
        if path.ends_with(name) {
            return path;
        }
    }
    panic!("no {name} below {}", folder.display());
}
