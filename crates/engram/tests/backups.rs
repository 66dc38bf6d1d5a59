//! Backups by the real binary: into folders and an S3 server, through sudden deaths, and out of nothing but the vault.

mod harness;

use std::time::Duration;

use harness::{Folder, Service, engram, stderr};
use serde_json::{Value, json};

/// Deaths of one run; `ENGRAM_TEST_DEATHS` asks for more.
const DEATHS: u64 = 10;

fn contents(folder: &Folder, tenant: &str) -> Vec<String> {
    let listed = folder.json(&["memory", "list", "--tenant", tenant, "--limit", "100"]);
    let mut found: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["content"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn a_lost_machine_is_made_again_from_the_vault_and_the_operators_key() {
    let (lost, new) = (Folder::new(), Folder::new());
    let vault = lost.path().parent().unwrap().join("elsewhere");
    let vault = format!("file://{}", vault.display());
    lost.json(&["tenant", "create", "acme"]);
    let key = lost.json(&["key", "create", "--tenant", "acme"]);
    for (tenant, content) in [("default", "the first"), ("acme", "of acme"), ("acme", "a secret")] {
        lost.json(&["add", content, "--tenant", tenant]);
    }
    let last = lost.json(&["add", "also of acme", "--tenant", "acme"]);
    lost.json(&["memory", "delete", "2", "--tenant", "acme", "--erase"]);
    let all = lost.json(&["backup", "create", "--all", "--vault", &vault]);
    assert_eq!((&all["backed_up"], &all["failed"]), (&json!(2), &json!([])), "{all}");
    lost.json(&["add", "after the backup of all", "--tenant", "acme"]);
    lost.json(&["backup", "create", "--tenant", "acme", "--vault", &vault]);
    let operator_key = std::fs::read_to_string(lost.path().join("control/operator-key")).unwrap();
    let peppers = std::fs::read_to_string(lost.path().join("control/pepper")).unwrap();
    std::fs::remove_dir_all(lost.path()).unwrap();

    let without = new.command(["rebuild", "--vault", &vault]).output().unwrap();
    assert!(stderr(&without).contains("ENGRAM_BACKUP_OPERATOR_KEY"), "{}", stderr(&without));
    let wrong = server_key(&new, &vault, &format!("engk_{}", "0".repeat(64)));
    assert!(!wrong.status.success() && stderr(&wrong).contains("backup.operator_key"), "{}", stderr(&wrong));
    let rebuilt = server_key(&new, &vault, operator_key.trim());
    assert!(rebuilt.status.success(), "{}", stderr(&rebuilt));
    let rebuilt: Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    let tenants: Vec<_> =
        rebuilt["tenants"].as_array().unwrap().iter().map(|t| (&t["tenant"], &t["memories"])).collect();
    assert!(tenants.contains(&(&json!("acme"), &json!(3))), "{rebuilt}");
    std::fs::write(new.path().join("control/pepper"), peppers).unwrap();
    std::fs::write(new.path().join("control/operator-key"), operator_key).unwrap();

    assert_eq!(contents(&new, "default"), ["the first"]);
    assert_eq!(contents(&new, "acme"), ["after the backup of all", "also of acme", "of acme"]);
    let next = new.json(&["add", "goes on", "--tenant", "acme"]);
    assert!(next["id"].as_i64() > last["id"].as_i64(), "{next} after {last}");
    let listed = new.json(&["key", "list", "--tenant", "acme"]);
    assert_eq!(listed["items"][0]["id"], key["id"]);
    let restored = new.json(&[
        "restore",
        "--tenant",
        "acme",
        "--before",
        "2100-01-01T00:00:00Z",
        "--yes",
        "--vault",
        &vault,
    ]);
    assert_eq!(restored["status"], "restored", "{restored}");
    let tests = new.json(&["restore-test", "run", "--vault", &vault]);
    assert_eq!(tests["status"], "passed", "{tests}");
    let again = server_key(&new, &vault, "engk_0");
    assert!(!again.status.success());
}

fn server_key(folder: &Folder, vault: &str, key: &str) -> std::process::Output {
    let mut command = folder.command(["rebuild", "--json", "--vault", vault]);
    command.env("ENGRAM_BACKUP_OPERATOR_KEY", key).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_go_to_an_s3_server_and_come_back() {
    let server = testkit::s3::Server::start();
    let folder = Folder::new();
    let (bucket, endpoint) = (format!("{}/engram", server.bucket("backups")), server.endpoint());
    let vault = ["--vault", &bucket, "--vault-endpoint", &endpoint];
    let run = |args: &[&str]| {
        let mut command = folder.command(args.iter().copied().chain(vault));
        command.arg("--json").env("AWS_ACCESS_KEY_ID", testkit::s3::ACCESS_KEY_ID);
        command.env("AWS_SECRET_ACCESS_KEY", testkit::s3::SECRET_ACCESS_KEY);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (folder_of, done) = tokio::task::block_in_place(|| {
        folder.json(&["add", "kept in a bucket"]);
        let made = run(&["backup", "create"]);
        folder.json(&["memory", "delete", "1"]);
        let restored = run(&["restore", "--backup", made["id"].as_str().unwrap(), "--yes"]);
        assert_eq!(restored["memories"], 1, "{restored}");
        (contents(&folder, "default"), run(&["restore-test", "run"]))
    });
    assert_eq!(folder_of, ["kept in a bucket"]);
    assert_eq!(done["status"], "passed", "{done}");
}

/// A number by chance, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_in_the_middle_of_a_backup_or_a_restore_leaves_one_state_whole() {
    let deaths = deaths();
    let folder = Folder::new();
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let mut expected: Vec<String> = Vec::new();
    // What each backup on record holds.
    let mut held: Vec<(String, Vec<String>)> = Vec::new();
    let mut swapped = 0_u64;
    for death in 0..deaths {
        let service = Service::start(&folder.path());
        let found = tokio::task::block_in_place(|| contents(&folder, "default"));
        assert_eq!(found, expected, "before death {death}");
        if expected.len() > 60 {
            // A page of a list holds a hundred.
            let everything = Some(json!({ "filters": {} }));
            assert_eq!(service.call("POST", "/v1/memories/delete", everything).await.0, 200);
            expected.clear();
        }
        for n in 0..=dice.below(3) {
            let content = format!("memory {death:04} {n}");
            let (status, _) = service.call("POST", "/v1/memories", Some(json!({ "content": content }))).await;
            assert_eq!(status, 201);
            expected.push(content);
        }
        expected.sort();
        let (_, run) = service.call("POST", "/tenants/default/backups", Some(json!({}))).await;
        let made = ended(&service, &run).await;
        held.push((
            made["result"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned(),
            expected.clone(),
        ));
        let (which, then) = held[dice.below(held.len() as u64) as usize].clone();
        let wait = Duration::from_micros(dice.below(400_000));
        match dice.below(3) {
            0 => drop(service.call("POST", "/tenants/default/backups", Some(json!({}))).await),
            _ => {
                let order = json!({ "backup": which });
                let (status, run) = service.call("POST", "/tenants/default/restores", Some(order)).await;
                assert_eq!(status, 202, "{run}");
                tokio::time::sleep(wait).await;
                service.kill();
                // The process is gone; the next one finds the files as they are.
                let found = tokio::task::block_in_place(|| contents(&folder, "default"));
                assert!(
                    found == then || found == expected,
                    "death {death}: {found:?} is neither {then:?} nor {expected:?}"
                );
                swapped += u64::from(found == then && then != expected);
                expected = found;
                continue;
            }
        }
        tokio::time::sleep(wait).await;
        service.kill();
    }
    let listed = folder.json(&["backup", "list"]);
    for backup in listed["items"].as_array().unwrap() {
        let id = backup["id"].as_str().unwrap();
        let restored = folder.json(&["restore", "--backup", id, "--yes"]);
        assert_eq!(restored["memories"], backup["memories"], "{restored}");
        if let Some((_, then)) = held.iter().find(|(known, _)| known == id) {
            assert_eq!(contents(&folder, "default"), *then, "{id}");
        }
    }
    assert!(held.iter().all(|(id, _)| listed.to_string().contains(id)), "an acknowledged backup is missing");
    assert!(deaths < 50 || swapped > 0, "no death came after a swap: the test says little");
}

#[allow(clippy::disallowed_methods, reason = "how a person asks for a longer run")]
fn deaths() -> u64 {
    std::env::var("ENGRAM_TEST_DEATHS").ok().and_then(|n| n.parse().ok()).unwrap_or(DEATHS)
}

async fn ended(service: &Service, run: &Value) -> Value {
    let path = format!("/tenants/default/runs/{}", run["id"].as_str().unwrap_or_else(|| panic!("{run}")));
    for _ in 0..3_000 {
        let (_, now) = service.call("GET", &path, None).await;
        if now["state"] != "running" {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{path} does not end");
}

#[test]
fn a_new_operators_key_is_made_and_shown_by_its_id_alone() {
    let folder = Folder::new();
    let file = folder.path().parent().unwrap().join("key");
    let made = engram(["operator-key", "create", "--json", "--file"]).arg(&file).output().unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let setting = format!("backup.operator_key_file={}", file.display());
    assert_eq!(folder.json(&["operator-key", "show", "--set", &setting])["id"], made["id"]);
    assert!(!made.to_string().contains("engk_"), "{made}");
    let again = engram(["operator-key", "create", "--file"]).arg(&file).output().unwrap();
    assert!(!again.status.success(), "an existing key is not overwritten");
}

#[test]
fn a_tenant_moves_as_lines_with_a_running_service_and_without_one() {
    let folder = Folder::new();
    let file = folder.path().parent().unwrap().join("memories.jsonl");
    let path = file.to_str().unwrap();
    folder.json(&["tenant", "create", "other"]);
    folder.json(&["add", "the first"]);
    folder.json(&["add", "the second"]);
    let exported = folder.json(&["export", path]);
    assert_eq!(exported["bytes"].as_u64(), Some(std::fs::metadata(&file).unwrap().len()), "{exported}");
    let (told, _) = folder.refusal(&["export", path]);
    assert!(told.contains("exists"), "{told}");
    assert_eq!(folder.json(&["import", path, "--tenant", "other"])["memories"], 2);
    let service = Service::start(&folder.path());
    assert_eq!(folder.json(&["import", path, "--tenant", "other"])["already_there"], 2);
    std::fs::remove_file(&file).unwrap();
    folder.json(&["export", path, "--tenant", "other"]);
    let mut hosted = engram(["import", path, "--ids", "renumber", "--json", "--url", &service.url]);
    let hosted = hosted.env("ENGRAM_API_KEY", &service.api_key).output().unwrap();
    assert!(hosted.status.success(), "{}", stderr(&hosted));
    let hosted: Value = serde_json::from_slice(&hosted.stdout).unwrap();
    assert_eq!((&hosted["memories"], &hosted["ids_raised_by"]), (&json!(2), &json!(2)), "{hosted}");
    assert_eq!(contents(&folder, "default"), ["the first", "the first", "the second", "the second"]);
    std::fs::write(&file, "no export").unwrap();
    let (told, code) = folder.refusal(&["import", path]);
    assert!(told.contains("line 1") && code == 1, "{told}");
}
