//! The operator's and people's commands, with a running service and without one.

mod harness;

use harness::{Folder, Service, engram, stderr, stdout};
use serde_json::{Value, json};

/// A tenant, a key with chosen scopes, and what it may then do.
fn tenants_and_keys(folder: &Folder) {
    let tenant = folder.json(&["tenant", "create", "acme", "--name", "Acme Inc."]);
    assert_eq!(
        (&tenant["slug"], &tenant["name"], &tenant["status"]),
        (&json!("acme"), &json!("Acme Inc."), &json!("active"))
    );
    let (told, code) = folder.refusal(&["tenant", "create", "acme"]);
    assert!(told.contains("acme"), "{told}");
    assert_eq!(code, 1);

    let key = folder.json(&["key", "create", "--tenant", "acme", "--expires", "90d"]);
    assert!(key["key"].as_str().unwrap().starts_with("eng_live_"), "{key}");
    assert_eq!(key["scopes"], json!(["memories:read", "memories:write", "search"]));
    assert!(key["expires_at"].is_string());
    let reader = folder.json(&["key", "create", "--tenant", "acme", "--scopes", "memories:read,search"]);
    assert_eq!(reader["scopes"], json!(["memories:read", "search"]));
    let listed = folder.json(&["key", "list", "--tenant", "acme"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    assert!(!listed.to_string().contains(key["key"].as_str().unwrap()), "a list must not show keys");
    folder.json(&["key", "revoke", reader["id"].as_str().unwrap()]);
    let listed = folder.json(&["key", "list", "--tenant", "acme"]);
    let revoked =
        listed["items"].as_array().unwrap().iter().filter(|key| key["revoked_at"].is_string()).count();
    assert_eq!(revoked, 1, "{listed}");

    assert_eq!(folder.json(&["tenant", "suspend", "acme"])["status"], "suspended");
    assert_eq!(folder.json(&["tenant", "resume", "acme"])["status"], "active");
    let slugs: Vec<_> = folder.json(&["tenant", "list"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["slug"].clone())
        .collect();
    assert!(slugs.contains(&json!("acme")) && slugs.contains(&json!("default")), "{slugs:?}");
    let gone = folder.json(&["tenant", "delete", "acme", "--yes"]);
    assert_eq!((&gone["slug"], &gone["status"]), (&json!("acme"), &json!("deleted")));
    let receipt = &gone["deletion"];
    assert_eq!(receipt["status"], "finished", "{gone}");
    assert_eq!(receipt["steps"]["stop_traffic"]["keys_revoked"], 1, "{gone}");
    assert!(receipt["steps"]["remove_files"].is_object(), "{gone}");
    assert_eq!(folder.json(&["tenant", "deletion", "acme"]), gone);
    assert_eq!(folder.refusal(&["tenant", "deletion", "nobody"]).1, 1);
}

/// Who belongs to a tenant, what it may use, and who changed that.
fn people_and_plans(folder: &Folder) {
    folder.json(&["tenant", "create", "acme"]);
    let anna = folder.json(&["member", "add", "auth0|anna", "--tenant", "acme", "--role", "owner"]);
    assert_eq!((&anna["user_id"], &anna["role"]), (&json!("auth0|anna"), &json!("owner")));
    let (told, code) = folder.refusal(&["member", "set-role", "auth0|anna", "viewer", "--tenant", "acme"]);
    assert!(told.contains("last owner") && code == 1, "{told}");
    folder.json(&["member", "add", "ben", "--tenant", "acme", "--role", "member"]);
    assert_eq!(folder.json(&["member", "set-role", "ben", "admin", "--tenant", "acme"])["role"], "admin");
    folder.json(&["member", "remove", "ben", "--tenant", "acme"]);
    let members = folder.json(&["member", "list", "--tenant", "acme"]);
    assert_eq!(members["items"].as_array().unwrap().len(), 1, "{members}");

    let invite =
        folder.json(&["invite", "create", "--tenant", "acme", "--role", "viewer", "--expires", "2h"]);
    assert!(invite["token"].as_str().unwrap().starts_with("eng_inv_"), "{invite}");
    let id = invite["id"].as_str().unwrap();
    assert_eq!(folder.json(&["invite", "revoke", id, "--tenant", "acme"])["status"], "revoked");
    assert_eq!(folder.json(&["invite", "list", "--tenant", "acme"])["items"][0]["id"], *id);

    let set = ["plan", "set", "--tenant", "acme", "--limit", "memories=100", "--limit", "read.per_second=5"];
    assert_eq!(folder.json(&set)["limits"]["memories"], 100);
    let shown = folder.json(&["plan", "show", "--tenant", "acme"]);
    assert_eq!(shown["limits"]["rates"]["read"], json!({"per_second": 5, "burst": 5}), "{shown}");
    folder.json(&["plan", "set", "--plan", "team", "--limit", "memories=none"]);
    assert_eq!(folder.json(&["tenant", "set-plan", "acme", "team"])["plan"], "team");
    assert_eq!(folder.json(&["tenant", "show", "acme"])["limits"]["memories"], Value::Null);
    assert_eq!(folder.refusal(&["plan", "set", "--tenant", "acme", "--limit", "memory=1"]).1, 2);

    let key = folder.json(&["key", "create", "--tenant", "acme"]);
    let heir = folder.json(&["key", "rotate", key["id"].as_str().unwrap(), "--overlap", "0s"]);
    assert!(heir["key"] != key["key"] && heir["scopes"] == key["scopes"], "{heir}");

    let log = folder.json(&["audit", "--tenant", "acme", "--limit", "3"]);
    let actions: Vec<_> = log["items"].as_array().unwrap().iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["create_api_key", "rotate_api_key", "create_api_key"]);
    assert!(stdout(&folder.run(&["audit"])).contains("add_member"));
    assert!(folder.json(&["usage", "show"])["items"].is_array());
}

#[test]
fn people_and_plans_beside_a_running_service() {
    let folder = Folder::new();
    let _service = Service::start(&folder.path());
    people_and_plans(&folder);
}

#[test]
fn people_and_plans_without_a_service() {
    people_and_plans(&Folder::new());
}

/// Memories by hand.
fn memories(folder: &Folder) {
    let added =
        folder.json(&["add", "Anna prefers tea to coffee", "--kind", "preference", "--tag", "drinks"]);
    let id = added["id"].to_string();
    assert_eq!(added["tags"], json!(["drinks"]));
    let found = folder.json(&["search", "what does Anna drink", "--explain"]);
    assert_eq!(found["items"][0]["memory"]["id"], added["id"], "{found}");
    let context = folder.json(&["memory", "context", "what to drink with Anna", "--budget-tokens", "200"]);
    assert_eq!(context["items"][0]["id"], added["id"], "{context}");
    let pasted = stdout(&folder.run(&["memory", "context", "what to drink with Anna"]));
    assert!(pasted.contains("Anna prefers tea to coffee\n"), "{pasted}");
    let (told, code) = folder.refusal(&["memory", "context", "x", "--filters", "{"]);
    assert!(told.contains("--filters") && code == 2, "{told}");
    assert_eq!(folder.json(&["memory", "get", &id])["content"], "Anna prefers tea to coffee");
    assert_eq!(folder.json(&["memory", "list"])["items"].as_array().unwrap().len(), 1);
    let people = stdout(&folder.run(&["memory", "list"]));
    assert!(people.contains("Anna prefers tea"), "{people}");
    folder.json(&["memory", "delete", &id]);
    let (told, code) = folder.refusal(&["memory", "get", &id]);
    assert!(told.contains(&id), "{told}");
    assert_eq!(code, 1);
    let (told, _) = folder.refusal(&["add", "  "]);
    assert!(told.contains("content"), "{told}");
}

#[test]
fn tenants_and_keys_beside_a_running_service() {
    let folder = Folder::new();
    let _service = Service::start(&folder.path());
    tenants_and_keys(&folder);
}

#[test]
fn tenants_and_keys_without_a_service() {
    tenants_and_keys(&Folder::new());
}

#[test]
fn memories_beside_a_running_service() {
    let folder = Folder::new();
    let _service = Service::start(&folder.path());
    memories(&folder);
}

#[test]
fn memories_without_a_service() {
    memories(&Folder::new());
}

#[tokio::test]
async fn what_a_command_changes_holds_at_once() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    folder.json(&["tenant", "create", "acme"]);
    let made = folder.json(&["key", "create", "--tenant", "acme"]);
    let key = made["key"].as_str().unwrap();
    let add = || service.call_with(key, "POST", "/v1/memories", Some(json!({"content": "hello"})));
    assert_eq!(add().await.0, 201);
    folder.json(&["tenant", "suspend", "acme"]);
    assert_eq!(add().await.0, 403);
    folder.json(&["tenant", "resume", "acme"]);
    assert_eq!(add().await.0, 201);
    folder.json(&["key", "revoke", made["id"].as_str().unwrap()]);
    assert_eq!(add().await.0, 401);
}

#[tokio::test]
async fn a_url_and_a_key_lead_to_the_same_service() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    let at = ["--url", &service.url, "--api-key", &service.api_key];
    let run = |args: &[&str]| engram(args.iter().chain(&at)).arg("--json").output().unwrap();
    let output = run(&["add", "over the network"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&run(&["search", "network"]).stdout).unwrap();
    assert_eq!(found["items"][0]["memory"]["content"], "over the network");
    let operator = folder.json(&["key", "create", "--operator"]);
    let as_operator = |args: &[&str]| {
        let at = ["--url", &service.url, "--api-key", operator["key"].as_str().unwrap(), "--json"];
        let output = engram(args.iter().chain(&at)).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    as_operator(&["tenant", "create", "acme"]);
    as_operator(&["member", "add", "anna", "--tenant", "acme", "--role", "owner"]);
    as_operator(&["plan", "set", "--tenant", "acme", "--limit", "memories=1"]);
    as_operator(&["tenant", "suspend", "acme"]);
    assert_eq!(as_operator(&["member", "list", "--tenant", "acme"])["items"][0]["user_id"], "anna");
    assert_eq!(as_operator(&["tenant", "delete", "acme"])["deletion"]["status"], "finished");
    // A tenant's key manages no tenants.
    let refused = run(&["tenant", "list"]);
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));

    let gone = engram(["search", "x", "--url", "http://127.0.0.1:1", "--api-key", "k"]).output().unwrap();
    let told = stderr(&gone);
    assert_eq!((gone.status.code(), told.lines().count()), (Some(3), 1), "{told}");
}

#[test]
fn two_commands_at_once_share_a_folder_in_turn() {
    let folder = Folder::new();
    let children: Vec<_> = (0..4)
        .map(|number| folder.command(["add", &format!("memory number {number}")]).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(folder.json(&["memory", "list"])["items"].as_array().unwrap().len(), 4);
}

#[test]
fn status_tells_who_serves() {
    let folder = Folder::new();
    assert_eq!(folder.json(&["status"])["running"], false);
    assert!(!folder.path().exists(), "looking must not create anything");
    let service = Service::start(&folder.path());
    folder.json(&["add", "one"]);
    let status = folder.json(&["status"]);
    assert_eq!((&status["pid"], &status["url"]), (&json!(service.pid()), &json!(service.url)));
    assert_eq!(status["stats"]["memories"], 1, "{status}");
}

#[test]
fn the_configuration_in_effect_is_shown() {
    let folder = Folder::new();
    let mut command = folder.command(["config", "check", "--json", "--set", "limits.in_flight=7"]);
    let output = command.env("ENGRAM_LOG_FORMAT", "json").output().unwrap();
    let shown: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let settings = &shown["settings"];
    assert_eq!((&settings["limits.in_flight"], &settings["log.format"]), (&json!("7"), &json!("json")));
    assert_eq!(settings["data_dir"], json!(folder.path()));
    let from = &shown["from"];
    assert_eq!(
        (&from["limits.in_flight"], &from["log.format"]),
        (&json!("--limits.in_flight"), &json!("ENGRAM_LOG_FORMAT"))
    );
    assert_eq!((&from["listen"], &shown["unsafe"]), (&json!("default"), &json!([])));
    let sample = stdout(&folder.run(&["config", "sample"]));
    assert!(sample.contains("in_flight"), "{sample}");
}

/// What a start in prod and `config check` make of some settings: the exit code, and the names they tell.
fn judged(folder: &Folder, settings: &[&str], unsafe_ones: &[&str]) {
    let set: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let check = folder.command(["config", "check", "--env", "prod", "--json"]).args(&set).output().unwrap();
    let shown: Value = serde_json::from_slice(&check.stdout).unwrap_or_else(|_| panic!("{}", stderr(&check)));
    let named: Vec<_> =
        shown["unsafe"].as_array().unwrap().iter().map(|one| one["setting"].as_str().unwrap()).collect();
    assert_eq!(named, unsafe_ones, "{settings:?}");
    let code = i32::from(!unsafe_ones.is_empty());
    assert_eq!(check.status.code(), Some(code), "{settings:?}");
    assert!(!stdout(&check).contains("hunter2"), "{settings:?}");
    let people = folder.command(["config", "check", "--env", "prod"]).args(&set).output().unwrap();
    assert_eq!(people.status.code(), Some(code));
    for name in unsafe_ones {
        assert!(stdout(&people).lines().any(|line| line.starts_with(&format!("unsafe: {name} "))), "{name}");
    }
    if unsafe_ones.is_empty() {
        return;
    }
    let start = folder.command(["serve", "--env", "prod"]).args(&set).output().unwrap();
    assert_eq!(start.status.code(), Some(1), "{}", stderr(&start));
    for name in unsafe_ones {
        assert!(stderr(&start).lines().any(|line| line.starts_with(&format!("unsafe: {name} "))), "{name}");
    }
    assert!(!folder.path().exists(), "a refused start must leave nothing behind");
}

#[test]
fn prod_names_every_unsafe_setting_and_does_not_start_with_one() {
    let folder = Folder::new();
    judged(&folder, &[], &["control.url", "keys.peppers", "tls.certificate", "backup.operator_key"]);
    let safe = [
        "control.url=postgres://engram:hunter2@db/engram",
        "keys.peppers_file=/etc/peppers",
        "proxy.trusted=10.0.0.0/8",
        "backup.operator_key_file=/etc/operator-key",
    ];
    judged(&folder, &safe, &[]);
    let careless = [&safe[..], &["cors.origins=*", "limits.rates=off", "limits.quotas=off"]].concat();
    judged(&folder, &careless, &["cors.origins", "limits.rates", "limits.quotas"]);
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = engram(["completions", shell]).output().unwrap();
        assert!(stdout(&output).contains("engram"), "{shell}");
    }
}
