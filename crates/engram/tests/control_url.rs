//! The service with its control plane in a real PostgreSQL.

mod harness;

use std::time::{Duration, Instant};

use harness::{Folder, Service, engram, stderr};
use serde_json::json;
use testkit::postgres::{Server, Stop};

#[tokio::test]
async fn two_data_folders_share_the_tenants_of_one_database() {
    let postgres = Server::start();
    let url = postgres.database("engram");
    let (first, second) = (Folder::new(), Folder::new());
    let pepper = format!("keys.peppers=1 {}", "ab".repeat(32));
    let more = ["--control-url", &url, "--set", &pepper];
    let service = Service::start_with(&first.path(), &more);
    let made = first.json(&["tenant", "create", "acme"]);
    let key = first.json(&["key", "create", "--tenant", "acme"]);
    let key = key["key"].as_str().unwrap().to_owned();
    let add = |service: &Service| {
        let (client, url, key) = (reqwest::Client::new(), service.url.clone(), key.clone());
        async move {
            let body = json!({"content": "kept by PostgreSQL's tenant"});
            let request = client.post(format!("{url}/v1/memories")).bearer_auth(key).json(&body);
            request.send().await.unwrap().status().as_u16()
        }
    };
    assert_eq!(add(&service).await, 201);
    assert_eq!(postgres.query("engram", "SELECT count(*) FROM tenants WHERE slug = 'acme'").trim(), "1");
    assert!(!first.path().join("control/control.db").exists(), "nothing is kept twice");
    assert!(!first.path().join("control/pepper").exists(), "the given pepper is used");
    drop(service);

    let service = Service::start_with(&second.path(), &more);
    let listed = second.json(&["tenant", "list"]);
    assert!(listed["items"].as_array().unwrap().iter().any(|tenant| tenant["id"] == made["id"]), "{listed}");
    assert_ne!(add(&service).await, 401, "the key holds there too");
    drop(service);

    let output = engram(["serve", "--env", "staging", "--listen", "127.0.0.1:0"])
        .args(more)
        .arg("--data-dir")
        .arg(Folder::new().path())
        .output()
        .unwrap();
    let told = stderr(&output);
    assert!(!output.status.success() && told.contains("stamped \"dev\""), "{told}");
}

#[tokio::test]
async fn a_dump_that_was_taken_while_the_service_ran_is_a_control_plane() {
    let postgres = Server::start();
    let url = postgres.database("engram");
    let folder = Folder::new();
    let service = Service::start_with(&folder.path(), &["--control-url", &url]);
    folder.json(&["tenant", "create", "acme"]);
    folder.json(&["add", "kept beside it", "--tenant", "acme"]);
    let dump = folder.path().join("control.dump");
    postgres.dump("engram", &dump);
    folder.json(&["tenant", "create", "later"]);
    let made = folder.json(&["backup", "create", "--tenant", "acme"]);
    drop(service);

    let restored = postgres.restore(&dump, "engram_restored");
    let status = folder.json(&["control", "status", "--control-url", &restored]);
    assert_eq!(status["environment"], "dev", "{status}");
    let service = Service::start_with(&folder.path(), &["--control-url", &restored]);
    let tenants = folder.json(&["tenant", "list"]).to_string();
    assert!(tenants.contains("acme") && !tenants.contains("later"), "{tenants}");
    let listed = folder.json(&["memory", "list", "--tenant", "acme"]);
    assert_eq!(listed["items"][0]["content"], "kept beside it");
    // Of this backup the dump knows nothing; its key is the one in the vault.
    let again = folder.json(&["backup", "create", "--tenant", "acme"]);
    assert_ne!(again["id"], made["id"]);
    let restored =
        folder.json(&["restore", "--tenant", "acme", "--backup", again["id"].as_str().unwrap(), "--yes"]);
    assert_eq!(restored["memories"], 1, "{restored}");
    drop(service);
}

#[test]
fn a_database_that_does_not_answer_is_told_in_one_line_without_its_password() {
    let mut postgres = Server::start();
    let url = postgres.database("engram").replace("postgres@", "postgres:hunter2@");
    postgres.stop(Stop::Fast);
    let folder = Folder::new();
    let begun = Instant::now();
    let output =
        folder.command(["serve", "--listen", "127.0.0.1:0", "--control-url", &url]).output().unwrap();
    let told = stderr(&output);
    let last = told.trim_end().lines().last().unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(last.contains("does not answer") && last.contains("control.url"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_database_that_comes_late_is_waited_for() {
    let mut postgres = Server::start();
    let url = postgres.database("engram");
    postgres.stop(Stop::Fast);
    let starting = std::thread::spawn(move || {
        let folder = Folder::new();
        let service = Service::start_with(&folder.path(), &["--control-url", &url]);
        assert!(service.api_key.starts_with("eng_live_"));
    });
    std::thread::sleep(Duration::from_millis(1_500));
    // On this thread, with which it lives and dies.
    postgres.run();
    starting.join().unwrap();
}
