//! Backups, restores and rehearsals over REST: what comes back, what stays away, and what is refused.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use server::jobs::JOBS;

use crate::house::House;

/// Asks a run until it has ended.
pub(crate) async fn ended(house: &House, run: Value) -> Value {
    let path = match run["tenant"].as_str() {
        Some(slug) => format!("/tenants/{slug}/runs/{}", run["id"].as_str().unwrap()),
        None => format!("/runs/{}", run["id"].as_str().unwrap()),
    };
    for _ in 0..3_000 {
        let now = house.ask_locally(Method::GET, &path, Value::Null).await.expect(200);
        if now["state"] != "running" {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} does not end");
}

pub(crate) async fn done(house: &House, path: &str, body: Value) -> Value {
    let run = house.ask_locally(Method::POST, path, body).await.expect(202);
    let run = ended(house, run).await;
    assert_eq!(run["state"], "done", "{run}");
    run["result"].clone()
}

pub(crate) async fn failed(house: &House, path: &str, body: Value) -> String {
    let run = house.ask_locally(Method::POST, path, body).await.expect(202);
    let run = ended(house, run).await;
    assert_eq!(run["state"], "failed", "{run}");
    run["error"].as_str().unwrap().to_owned()
}

pub(crate) async fn back_up(house: &House) -> Value {
    house.clock.advance_ms(1_000);
    done(house, "/tenants/default/backups", json!({})).await
}

pub(crate) async fn restore(house: &House, which: Value) -> Value {
    house.clock.advance_ms(1_000);
    done(house, "/tenants/default/restores", which).await
}

pub(crate) async fn contents(house: &House) -> Vec<String> {
    let page = house.get("/v1/memories?order=oldest&limit=100").await.expect(200);
    page["items"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap().to_owned()).collect()
}

pub(crate) async fn job(house: &House, name: &str) {
    let job = JOBS.iter().find(|job| job.name == name).unwrap();
    job.run_now(&house.app).await.unwrap();
}

pub(crate) async fn measured(house: &House) -> String {
    house.get("/metrics").await.text
}

/// Files of the vault whose name has this part.
pub(crate) fn vault_files(house: &House, part: &str) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }
    let mut found = Vec::new();
    walk(&house.folder.path().join("vault"), &mut found);
    found.retain(|path| path.to_string_lossy().contains(part));
    found
}

#[tokio::test]
async fn a_backup_brings_back_what_was_deleted_and_takes_away_what_came_later() {
    let house = House::new().await;
    let first = house.remember("the first memory, about rivers").await;
    house.remember("the second memory, about lakes").await;
    let backup = back_up(&house).await;
    for field in ["id", "key", "size_bytes", "sha256", "schema_version", "ts"] {
        assert!(!backup[field].is_null(), "{field} in {backup}");
    }
    let stored = &vault_files(&house, ".sqlite.zst.enc")[0];
    assert!(stored.to_string_lossy().ends_with(backup["key"].as_str().unwrap()));
    assert_eq!(std::fs::metadata(stored).unwrap().len(), backup["size_bytes"].as_u64().unwrap());

    house.delete(&format!("/v1/memories/{first}")).await.expect(204);
    let later = house.remember("a later memory").await;
    let which = json!({ "backup": backup["id"] });
    let plan =
        house.ask_locally(Method::POST, "/tenants/default/restores/plan", which.clone()).await.expect(200);
    assert_eq!((&plan["come_back"], &plan["go_away"]), (&json!(1), &json!(1)), "{plan}");
    assert_eq!((&plan["memories_now"], &plan["memories_then"]), (&json!(2), &json!(2)), "{plan}");

    let result = restore(&house, which).await;
    assert_eq!((&result["memories"], &result["into"]), (&json!(2), &json!("default")), "{result}");
    assert_eq!(contents(&house).await, ["the first memory, about rivers", "the second memory, about lakes"]);
    let found = house.get("/v1/search?q=rivers").await.expect(200);
    assert_eq!(found["items"][0]["memory"]["id"], json!(first), "{found}");
    let next = house.remember("after the restore").await;
    assert!(next > later, "{next} was not handed out before, {later} was");

    let replaced = house.ask_locally(Method::GET, "/tenants/default/replaced", Value::Null).await.expect(200);
    assert_eq!(replaced["items"][0]["name"], result["replaced"], "{replaced}");
    restore(&house, json!({ "replaced": result["replaced"] })).await;
    assert_eq!(contents(&house).await, ["the second memory, about lakes", "a later memory"]);

    let restores = house.ask_locally(Method::GET, "/tenants/default/restores", Value::Null).await.expect(200);
    let states: Vec<_> = restores["items"].as_array().unwrap().iter().map(|r| r["state"].clone()).collect();
    assert_eq!(states, ["done", "done"]);
    let log = house.ask_locally(Method::GET, "/audit-log?limit=100", Value::Null).await.expect(200);
    let log = log["items"].to_string();
    for action in ["create_backup", "begin_restore", "finish_restore"] {
        assert!(log.contains(action), "{action}");
    }
}

#[tokio::test]
async fn the_newest_before_a_time_and_the_newest_proven_one_are_found() {
    let house = House::new().await;
    house.remember("one").await;
    let first = back_up(&house).await;
    house.remember("two").await;
    let second = back_up(&house).await;
    let plan = async |which: Value| {
        let path = "/tenants/default/restores/plan";
        house.ask_locally(Method::POST, path, which).await
    };
    let before = plan(json!({ "before": second["created_at"] })).await.expect(200);
    assert_eq!(before["backup"]["id"], first["id"]);
    let told = plan(json!({ "latest_verified": true })).await.expect_error(400, "invalid_request");
    assert!(told["message"].as_str().unwrap().contains("restore-test run"), "{told}");
    plan(json!({ "before": "2000-01-01T00:00:00Z" })).await.expect_error(400, "invalid_request");

    let tests = done(&house, "/restore-tests", json!({})).await;
    assert_eq!(tests["status"], "passed", "{tests}");
    let checks: Vec<_> =
        tests["tenants"][0]["checks"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(checks, ["contents", "integrity", "smoke", "damage"]);
    let proven = plan(json!({ "latest_verified": true })).await.expect(200);
    assert_eq!(proven["backup"]["id"], second["id"]);
    let listed =
        house.ask_locally(Method::GET, "/restore-tests?tenant=default", Value::Null).await.expect(200);
    assert_eq!(listed["items"][0]["backup"], second["id"]);
}

#[tokio::test]
async fn what_was_erased_stays_away_from_every_restore() {
    let house = House::new().await;
    let (gone, kept) = (house.remember("my number is 555-0199").await, house.remember("I like tea").await);
    let by_filter = house
        .post("/v1/memories", json!({"content": "a secret with a tag", "tags": ["secret"]}))
        .await
        .expect(201)["id"]
        .as_i64()
        .unwrap();
    let backup = back_up(&house).await;
    house.delete(&format!("/v1/memories/{gone}?erase=true")).await.expect(204);
    let matching = json!({"filters": {"tags": {"contains": "secret"}}, "erase": true});
    let erased = house.post("/v1/memories/delete", matching).await.expect(200);
    assert_eq!((&erased["count"], &erased["ids"]), (&json!(1), &json!([by_filter])));
    house.delete(&format!("/v1/memories/{kept}")).await.expect(204);
    house.delete(&format!("/v1/memories/{gone}?erase=true")).await.expect_error(404, "memory_not_found");
    house.delete("/v1/memories/1?erase=perhaps").await.expect_error(400, "invalid_request");

    let result = restore(&house, json!({ "backup": backup["id"] })).await;
    assert_eq!(result["erasures"], json!({"applied": 2, "ids": [gone, by_filter]}), "{result}");
    assert_eq!(contents(&house).await, ["I like tea"]);
    let found = house.get("/v1/search?q=number%20secret").await.expect(200);
    assert!(!found.to_string().contains("555-0199") && !found.to_string().contains("a secret"), "{found}");
    house.get(&format!("/v1/memories/{gone}/history")).await.expect_error(404, "memory_not_found");
    // A copy for somebody else has it as little.
    let copy = restore(&house, json!({ "backup": backup["id"], "into": "copy" })).await;
    assert_eq!((&copy["memories"], &copy["replaced"]), (&json!(1), &Value::Null), "{copy}");
    let log =
        house.ask_locally(Method::GET, "/audit-log?limit=100", Value::Null).await.expect(200).to_string();
    assert!(log.contains("erase_memories") && !log.contains("555-0199"));
}

#[tokio::test]
async fn an_erasure_that_a_crash_cut_short_is_finished() {
    let house = House::new().await;
    let id = house.remember("to be forgotten").await;
    let tenant =
        house.app.control.tenant_by_slug(&tenancy::Slug::parse("default").unwrap()).await.unwrap().unwrap();
    // As if the process had ended right after the record.
    let asked = [(id, "hash".to_owned())];
    house.app.control.request_erasures(&tenant.id, &asked, &control::Actor::local()).await.unwrap();
    job(&house, "finish_erasures").await;
    house.get(&format!("/v1/memories/{id}")).await.expect_error(404, "memory_not_found");
    assert_eq!(house.app.control.unfinished_erasures().await.unwrap(), []);
}

#[tokio::test]
async fn what_was_taken_away_after_the_last_backup_of_all_stays_away_on_a_new_machine() {
    let house = House::new().await;
    let gone = house.remember("my number is 555-0199").await;
    house.remember("I like tea").await;
    let key = house.another_tenant("acme").await;
    house.ask_as(&key, Method::POST, "/v1/memories", json!({"content": "acme's"})).await.expect(201);
    done(&house, "/backups", json!({})).await;
    house.clock.advance_ms(60_000);
    job(&house, "back_up_control_plane").await;
    let first = vault_files(&house, "control/");
    assert_eq!(first.len(), 3, "nothing was taken away yet");
    house.delete(&format!("/v1/memories/{gone}?erase=true")).await.expect(204);
    house.ask_locally(Method::DELETE, "/tenants/acme", Value::Null).await.expect(202);
    house.clock.advance_ms(60_000);
    job(&house, "back_up_control_plane").await;
    // One of a day is enough.
    let second = vault_files(&house, "control/");
    assert!(second.len() == 3 && second != first, "{second:?}");

    let new = tempfile::tempdir().unwrap();
    let mut config = server::config::Config::dev(new.path());
    config.backup.vault = Some(format!("file://{}", house.folder.path().join("vault").display()));
    let operator_key = std::fs::read_to_string(house.folder.path().join("control/operator-key")).unwrap();
    config.backup.operator_key = Some(server::config::Secret::new(operator_key));
    house.app.shutdown().await;
    let rebuilt = server::backups::rebuild(config).await.unwrap();
    let tenants: Vec<_> = rebuilt.tenants.iter().map(|t| (t.tenant.as_str(), t.memories)).collect();
    assert_eq!(tenants, [("default", Some(1))]);
}

#[tokio::test]
async fn backups_and_restores_at_once_neither_mix_nor_wait_for_each_other_for_ever() {
    let house = House::new().await;
    for n in 0..50 {
        house.remember(&format!("memory {n}")).await;
    }
    let first = back_up(&house).await;
    house.remember("later").await;
    let restore = json!({ "backup": first["id"] });
    let (mut backed_up, mut restored) = (Vec::new(), 0);
    for round in 0..6 {
        house.clock.advance_ms(1_000);
        let runs = [
            ("/tenants/default/backups", json!({})),
            ("/tenants/default/restores", restore.clone()),
            ("/tenants/default/backups", json!({})),
            ("/tenants/default/restores", restore.clone()),
        ];
        let mut begun = Vec::new();
        for (path, body) in runs {
            begun.push(house.ask_locally(Method::POST, path, body).await.expect(202));
        }
        for run in begun {
            let run = ended(&house, run).await;
            match (run["kind"].as_str(), run["state"].as_str()) {
                (Some("backup"), Some("done")) => backed_up.push(run["result"].clone()),
                (Some("restore"), Some("done")) => restored += 1,
                // Two at once: one of them is told so, and changes nothing.
                (Some("restore"), Some("failed")) => {
                    assert!(run["error"].as_str().unwrap().contains("already"), "{run}");
                }
                _ => panic!("round {round}: {run}"),
            }
        }
        let there = contents(&house).await;
        assert_eq!(there.len(), 50, "round {round}: {there:?}");
        house.remember("later").await;
    }
    assert!(restored >= 6, "{restored}");
    // Whatever a backup met, it is one state or the other, and whole.
    for backup in &backed_up {
        assert!((50..=51).contains(&backup["memories"].as_i64().unwrap()), "{backup}");
    }
    let tests = done(&house, "/restore-tests", json!({"tenant": "default"})).await;
    assert_eq!(tests["status"], "passed", "{tests}");
}

#[tokio::test]
async fn the_backup_of_one_tenant_never_becomes_anothers() {
    let house = House::new().await;
    let key = house.another_tenant("acme").await;
    house.ask_as(&key, Method::POST, "/v1/memories", json!({"content": "acme's"})).await.expect(201);
    house.remember("mine").await;
    let mine = back_up(&house).await;
    house.clock.advance_ms(1_000);
    let theirs = done(&house, "/tenants/acme/backups", json!({})).await;
    // By its id: there is no such backup of this tenant.
    let which = json!({ "backup": theirs["id"] });
    house
        .ask_locally(Method::POST, "/tenants/default/restores", which)
        .await
        .expect_error(400, "invalid_request");
    // By exchanging the files in the vault.
    let of = |backup: &Value, ending: &str| {
        let stem = backup["key"].as_str().unwrap().trim_end_matches(".sqlite.zst.enc").to_owned();
        house.folder.path().join("vault").join(format!("{stem}{ending}"))
    };
    for ending in [".sqlite.zst.enc", ".manifest.json"] {
        std::fs::copy(of(&theirs, ending), of(&mine, ending)).unwrap();
    }
    let told = failed(&house, "/tenants/default/restores", json!({ "backup": mine["id"] })).await;
    assert!(told.contains("damaged"), "{told}");
    assert_eq!(contents(&house).await, ["mine"]);
    // Another tenant's admin sees neither backups nor runs.
    let run = house.ask_locally(Method::POST, "/tenants/default/backups", json!({})).await.expect(202);
    let path = format!("/tenants/acme/runs/{}", run["id"].as_str().unwrap());
    house.ask_as(&key, Method::GET, &path, Value::Null).await.expect_error(404, "not_found");
    let denied = house.ask_as(&key, Method::GET, "/tenants/default/backups", Value::Null).await;
    assert!(denied.status == 403, "{}", denied.text);
    for (path, body) in
        [("/backups", json!({})), ("/restore-tests", json!({})), ("/operator-key/rotate", json!({}))]
    {
        house.ask_as(&key, Method::POST, path, body).await.expect_error(403, "forbidden");
    }
    let into = json!({"backup": theirs["id"], "into": "other"});
    house.ask_as(&key, Method::POST, "/tenants/acme/restores", into).await.expect_error(403, "forbidden");
    let folder = json!({"backup": theirs["id"], "folder": "/tmp/x"});
    house.ask_as(&key, Method::POST, "/tenants/acme/restores", folder).await.expect_error(403, "forbidden");
}

#[tokio::test]
async fn a_deleted_tenants_backups_are_noise_at_once_and_gone_soon() {
    let house = House::new().await;
    let key = house.another_tenant("acme").await;
    house.ask_as(&key, Method::POST, "/v1/memories", json!({"content": "acme's"})).await.expect(201);
    let backup = done(&house, "/tenants/acme/backups", json!({})).await;
    let tenant = backup["tenant_id"].as_str().unwrap();
    assert_eq!(vault_files(&house, tenant).len(), 3);
    house.ask_locally(Method::DELETE, "/tenants/acme", Value::Null).await.expect(202);
    let path = format!("/tenants/{tenant}/deletion");
    let receipt = loop {
        let now = house.ask_locally(Method::GET, &path, Value::Null).await.expect(200);
        if now["status"] == "finished" {
            break now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(receipt["steps"]["remove_backups"]["backups"], 1, "{receipt}");
    assert_eq!(vault_files(&house, tenant), [] as [std::path::PathBuf; 0]);
    let stands = house.app.control.backup_key(tenant).await.unwrap().unwrap();
    assert_eq!(stands.wrapped, None);
}

#[tokio::test]
async fn the_schedule_backs_up_what_changed_and_keeps_what_the_rules_say() {
    const HOUR_MS: i64 = 3_600_000;
    let house = House::with(|config| config.backup.keep_daily = 2).await;
    house.another_tenant("idle").await;
    house.remember("day 0").await;
    for day in 1..6 {
        job(&house, "back_up_tenants").await;
        job(&house, "back_up_tenants").await;
        house.remember(&format!("day {day}")).await;
        house.clock.advance_ms(25 * HOUR_MS);
    }
    job(&house, "measure_backups").await;
    let ages = house.app.backups.ages();
    assert_eq!((ages.newest.as_hours(), ages.tenants, ages.proven), (25, 1, 0));
    assert!(measured(&house).await.contains("engram_backup_newest_age_seconds 90000\n"));
    let list = async |slug: &str| {
        let path = format!("/tenants/{slug}/backups");
        house.ask_locally(Method::GET, &path, Value::Null).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .clone()
    };
    assert_eq!(list("default").await.len(), 5, "one a day");
    assert_eq!(list("idle").await.len(), 0, "nothing was ever stored");
    job(&house, "retain_backups").await;
    let left = list("default").await;
    // Two days; the weeks and the month are among them or add the newest of their own.
    assert!((2..=4).contains(&left.len()), "{left:?}");
    assert_eq!(vault_files(&house, ".sqlite.zst.enc").len(), left.len());
    assert_eq!(vault_files(&house, ".manifest.json").len(), left.len());
    let newest = json!({ "backup": left[0]["id"] });
    assert_eq!(restore(&house, newest).await["memories"], 5);
}

#[tokio::test]
async fn a_whole_backup_that_is_not_on_record_is_put_there_and_never_taken_for_litter() {
    let house = House::new().await;
    house.remember("one").await;
    let backup = back_up(&house).await;
    let tenant = tenancy::TenantId::parse(backup["tenant_id"].as_str().unwrap()).unwrap();
    // As if the control plane had been put back from before it.
    let on_record = house.app.control.backups(&tenant).await.unwrap().remove(0);
    house.app.control.forget_backup(&on_record, &control::Actor::local()).await.unwrap();
    // Files of the vault have the machine's time: far enough ahead of it.
    house.clock.advance_ms(3_650 * 24 * 3_600_000);
    job(&house, "retain_backups").await;
    let again = house.app.control.backups(&tenant).await.unwrap();
    assert_eq!((again.len(), &again[0].id, &again[0].sha256), (1, &on_record.id, &on_record.sha256));
    assert_eq!(restore(&house, json!({ "backup": backup["id"] })).await["memories"], 1);
}

#[tokio::test]
async fn a_new_operators_key_opens_what_the_old_one_closed() {
    let house = House::new().await;
    house.remember("one").await;
    let backup = back_up(&house).await;
    let House { app, folder, clock, .. } = house;
    app.shutdown().await;
    drop(app);
    let old = std::fs::read_to_string(folder.path().join("control/operator-key")).unwrap();
    let new = server::backups::new_operator_key();
    let start = async |keys: String| {
        let mut config = server::config::Config::dev(folder.path());
        config.backup.operator_key = Some(server::config::Secret::new(keys));
        let app =
            server::app::App::open_with_clock(config, std::sync::Arc::clone(&clock) as _).await.unwrap();
        let key = app.dev.clone().unwrap().api_key;
        House {
            router: app.router(),
            app,
            clock: std::sync::Arc::clone(&clock),
            key,
            folder: tempfile::tempdir().unwrap(),
        }
    };
    let stranger = start(new.text.to_string()).await;
    let told = failed(&stranger, "/tenants/default/restores", json!({ "backup": backup["id"] })).await;
    assert!(told.contains("backup.operator_key"), "{told}");
    assert_eq!(contents(&stranger).await, ["one"]);
    stranger.app.shutdown().await;

    let both = start(format!("{},{}", *new.text, old.trim())).await;
    assert_eq!(done(&both, "/operator-key/rotate", json!({})).await["wrapped"], 1);
    both.app.shutdown().await;
    let alone = start(new.text.to_string()).await;
    assert_eq!(restore(&alone, json!({ "backup": backup["id"] })).await["memories"], 1);
}

#[tokio::test]
async fn a_key_that_a_lost_control_plane_made_is_taken_from_the_vault_and_never_made_anew() {
    let first = House::new().await;
    first.remember("one").await;
    done(&first, "/backups", json!({})).await;
    let key_file = || vault_files(&first, "control/key.").remove(0);
    let key = std::fs::read_to_string(key_file()).unwrap();
    let vault = format!("file://{}", first.folder.path().join("vault").display());
    let operator_key = std::fs::read_to_string(first.folder.path().join("control/operator-key")).unwrap();
    // Another control plane, which knows nothing of the key, on the same vault.
    let another = async |operator_key: String| {
        House::with(|config| {
            config.backup.vault = Some(vault.clone());
            config.backup.operator_key = Some(server::config::Secret::new(operator_key));
        })
        .await
    };
    let with_it = another(operator_key).await;
    with_it.clock.advance_ms(1_000);
    done(&with_it, "/backups", json!({})).await;
    assert_eq!(std::fs::read_to_string(key_file()).unwrap(), key);
    let stranger = another(server::backups::new_operator_key().text.to_string()).await;
    let told = failed(&stranger, "/backups", json!({})).await;
    assert!(told.contains("backup.operator_key"), "{told}");
    assert_eq!(vault_files(&first, "control/key.").len(), 1);
    assert_eq!(std::fs::read_to_string(key_file()).unwrap(), key);
}

#[tokio::test]
async fn odd_orders_are_refused_with_every_problem() {
    let house = House::new().await;
    let ask = async |body: Value| house.ask_locally(Method::POST, "/tenants/default/restores", body).await;
    ask(json!({})).await.expect_problems(&["backup"]);
    ask(json!({"backup": "", "before": "yesterday"})).await.expect_problems(&["backup", "before"]);
    ask(json!({"latest_verified": true, "before": "2026-01-01T00:00:00Z"}))
        .await
        .expect_problems(&["backup"]);
    ask(json!({"latest_verified": true, "into": "A b", "folder": "x"}))
        .await
        .expect_problems(&["into", "folder"]);
    ask(json!({"latest_verified": true, "odd": 1})).await.expect_problems(&["odd"]);
    ask(json!({"latest_verified": true})).await.expect_error(400, "invalid_request");
    ask(json!({"replaced": "../../etc"})).await.expect(202);
    house.ask_locally(Method::GET, "/runs/none", Value::Null).await.expect_error(404, "not_found");
    house
        .ask_locally(Method::POST, "/restore-tests", json!({"tenant": "ghost"}))
        .await
        .expect_error(404, "tenant_not_found");
}
