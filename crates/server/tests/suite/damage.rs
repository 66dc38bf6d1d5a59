//! Damage: of a backup, which is refused, and of a tenant's file, which is set aside, restored and read for what it still holds.

use http::Method;
use serde_json::{Value, json};

use crate::backups::{back_up, contents, done, failed, job, measured, restore, vault_files};
use crate::house::House;

#[tokio::test]
async fn a_damaged_backup_is_refused_and_changes_nothing() {
    let house = House::new().await;
    house.remember("one").await;
    let backup = back_up(&house).await;
    house.remember("two").await;
    let object = vault_files(&house, ".sqlite.zst.enc").remove(0);
    let manifest = vault_files(&house, ".manifest.json").remove(0);
    let (good, good_manifest) = (std::fs::read(&object).unwrap(), std::fs::read(&manifest).unwrap());
    let mut bent = good.clone();
    bent[good.len() / 2] ^= 4;
    let which = json!({ "backup": backup["id"] });
    let attempt = async |object_bytes: Option<&[u8]>, manifest_bytes: Option<&[u8]>| {
        for (path, bytes) in [(&object, object_bytes), (&manifest, manifest_bytes)] {
            match bytes {
                Some(bytes) => std::fs::write(path, bytes).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        house.clock.advance_ms(1_000);
        let told = failed(&house, "/tenants/default/restores", which.clone()).await;
        assert_eq!(contents(&house).await, ["one", "two"]);
        house.remember("two").await;
        let two = house.get("/v1/memories?limit=1").await.expect(200)["items"][0]["id"].clone();
        house.delete(&format!("/v1/memories/{two}")).await.expect(204);
        std::fs::write(&object, &good).unwrap();
        std::fs::write(&manifest, &good_manifest).unwrap();
        told
    };
    assert!(attempt(Some(&bent), Some(&good_manifest)).await.contains("damaged"));
    assert!(attempt(Some(&good[..100]), Some(&good_manifest)).await.contains("damaged"));
    assert!(attempt(None, Some(&good_manifest)).await.contains("is not in the vault"));
    assert!(attempt(Some(&good), None).await.contains("is not in the vault"));
    assert!(attempt(Some(&good), Some(b"{}")).await.contains("damaged"));

    std::fs::write(&object, &bent).unwrap();
    let tests = done(&house, "/restore-tests", json!({"tenant": "default"})).await;
    assert_eq!(tests["status"], "failed", "{tests}");
    assert_eq!(tests["tenants"][0]["checks"][0]["name"], "contents");
}

#[tokio::test]
async fn a_damaged_file_is_quarantined_and_restored_from_the_last_proven_backup() {
    let house = House::new().await;
    let key = house.another_tenant("acme").await;
    house.remember("precious").await;
    back_up(&house).await;
    done(&house, "/restore-tests", json!({"tenant": "default"})).await;
    let last = house.remember("not backed up").await;
    house.app.fleet.close_all().await;
    let tenant =
        house.app.control.tenant_by_slug(&tenancy::Slug::parse("default").unwrap()).await.unwrap().unwrap();
    drop(house.app.fleet.quarantine(&tenant.id));
    let House { app, folder, clock, .. } = house;
    app.shutdown().await;
    drop(app);
    damage(folder.path(), tenant.id.as_str());
    let config = server::config::Config::dev(folder.path());
    let app = server::app::App::open_with_clock(config, std::sync::Arc::clone(&clock) as _).await.unwrap();
    let key_of_default = app.dev.clone().unwrap().api_key;
    let house = House { router: app.router(), app, clock, key: key_of_default, folder };

    house.get("/v1/memories").await.expect_error(503, "tenant_unavailable");
    job(&house, "measure_backups").await;
    assert!(measured(&house).await.contains("engram_tenants_quarantined 1\n"));
    house.ask_as(&key, Method::GET, "/v1/memories", Value::Null).await.expect(200);
    // Nothing of this file can be read; it is told, and not taken for an empty export.
    house
        .ask_locally(Method::GET, "/tenants/default/salvage", Value::Null)
        .await
        .expect_error(400, "invalid_request");
    let result = restore(&house, json!({ "latest_verified": true })).await;
    assert!(result["replaced"].as_str().unwrap().starts_with("engram.db.corrupt-"), "{result}");
    job(&house, "measure_backups").await;
    assert!(measured(&house).await.contains("engram_tenants_quarantined 0\n"));
    assert_eq!(contents(&house).await, ["precious"]);
    let next = house.remember("goes on").await;
    assert!(next > last, "{next} was not handed out before, {last} was");
}

#[tokio::test]
async fn what_a_damaged_file_still_holds_is_read_and_imported_again() {
    let house = House::new().await;
    for n in 0..400 {
        house.remember(&format!("memory {n}, about rivers {}", "and lakes ".repeat(n % 40))).await;
    }
    back_up(&house).await;
    let last = house.remember("not backed up").await;
    house
        .ask_locally(Method::GET, "/tenants/default/salvage", Value::Null)
        .await
        .expect_error(400, "invalid_request");
    let backup = house.ask_locally(Method::GET, "/tenants/default/backups", Value::Null).await.expect(200);
    let tenant = backup["items"][0]["tenant_id"].as_str().unwrap().to_owned();
    let House { app, folder, clock, .. } = house;
    app.shutdown().await;
    drop(app);
    tear_pages(folder.path(), &tenant);
    let config = server::config::Config::dev(folder.path());
    let app = server::app::App::open_with_clock(config, std::sync::Arc::clone(&clock) as _).await.unwrap();
    let key = app.dev.clone().unwrap().api_key;
    let house = House { router: app.router(), app, clock, key, folder };
    // Whoever meets a torn page brings the tenant into quarantine.
    for id in 1..=last {
        house.get(&format!("/v1/memories/{id}")).await;
    }
    house.get("/v1/memories").await.expect_error(503, "tenant_unavailable");

    let of_quarantine =
        house.ask_locally(Method::GET, "/tenants/default/salvage", Value::Null).await.text.clone();
    let end: Value = serde_json::from_str(of_quarantine.lines().last().unwrap()).unwrap();
    let saved = end["end"]["memories"].as_u64().unwrap();
    assert!((300..401).contains(&saved), "{end}");
    let result = restore(&house, json!({ "before": "2100-01-01T00:00:00Z" })).await;
    assert_eq!(result["memories"], 400, "{result}");
    let of_kept = house.ask_locally(Method::GET, "/tenants/default/salvage", Value::Null).await.text.clone();
    assert_eq!(
        of_kept.lines().skip(1).collect::<Vec<_>>(),
        of_quarantine.lines().skip(1).collect::<Vec<_>>()
    );
    let request = http::Request::post("/v1/import")
        .header("authorization", format!("Bearer {}", house.key))
        .header("content-type", "application/x-ndjson");
    let imported = house.send(request.body(axum::body::Body::from(of_kept)).unwrap()).await.expect(200);
    assert_eq!(imported["already_there"].as_u64().unwrap() + imported["memories"].as_u64().unwrap(), saved);
    let found = house.get(&format!("/v1/memories/{last}")).await.expect(200);
    assert_eq!(found["content"], "not backed up");
    let path = "/tenants/default/salvage?file=engram.db.bak-1";
    house.ask_locally(Method::GET, path, Value::Null).await.expect_error(400, "invalid_request");
    let path = "/tenants/default/salvage?file=..%2F..%2Fetc";
    house.ask_locally(Method::GET, path, Value::Null).await.expect_error(400, "invalid_request");
}

/// Overwrites some leaf pages of a tenant's memories.
fn tear_pages(folder: &std::path::Path, tenant: &str) {
    for group in std::fs::read_dir(folder.join("tenants")).unwrap().flatten() {
        let file = group.path().join(tenant).join("engram.db");
        if file.exists() {
            let mut bytes = std::fs::read(&file).unwrap();
            let pages = bytes.len() / 4_096;
            let holds = |page: &[u8]| page.windows(13).any(|w| w == b"about rivers ") && page[0] == 13;
            let leaves: Vec<_> = (1..pages).filter(|n| holds(&bytes[n * 4_096..(n + 1) * 4_096])).collect();
            for page in leaves.iter().skip(1).step_by(10) {
                bytes[page * 4_096..(page + 1) * 4_096].fill(0x55);
            }
            std::fs::write(&file, bytes).unwrap();
        }
    }
}

/// Overwrites the middle of a tenant's file.
fn damage(folder: &std::path::Path, tenant: &str) {
    for group in std::fs::read_dir(folder.join("tenants")).unwrap().flatten() {
        let file = group.path().join(tenant).join("engram.db");
        if file.exists() {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, vec![0x55; bytes.len()]).unwrap();
        }
    }
}
