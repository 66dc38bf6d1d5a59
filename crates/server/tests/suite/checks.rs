//! `/checks`, for operators: the playbook finds what is broken, and repairs what can be repaired.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};
use server::watch::CHECKS;

use crate::house::House;
use crate::issuer::Issuer;

/// Runs the checks and returns the one of that name.
async fn found(house: &House, path: &str, name: &str) -> Value {
    let checks = house.ask_locally(Method::GET, path, Value::Null).await.expect(200);
    let named = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
    named.unwrap_or_else(|| panic!("no {name} in {checks}"))
}

/// A service whose folder nobody else may enter, whatever this machine does with temporary folders.
async fn private_house() -> House {
    let house = House::new().await;
    fs::set_permissions(house.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    house
}

/// The database of the tenant with this id.
fn database_of(house: &House, tenant: &str) -> PathBuf {
    let mut found = Vec::new();
    for group in fs::read_dir(house.folder.path().join("tenants")).unwrap() {
        for folder in fs::read_dir(group.unwrap().path()).unwrap() {
            found.push(folder.unwrap().path());
        }
    }
    let folder = found.into_iter().find(|path| path.ends_with(tenant)).expect("the tenant has a folder");
    folder.join("engram.db")
}

#[tokio::test]
async fn every_check_says_what_it_found_and_names_a_page() {
    let house = private_house().await;
    let checks = house.ask_locally(Method::GET, "/checks", Value::Null).await.expect(200);
    let names: Vec<_> =
        checks["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    assert_eq!(names, CHECKS.iter().map(|check| json!(check.name)).collect::<Vec<_>>());
    for check in checks["checks"].as_array().unwrap() {
        let page =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(check["runbook"].as_str().unwrap());
        assert!(page.is_file(), "{check}");
        assert!(!check["detail"].as_str().unwrap().is_empty(), "{check}");
        // The clock of the house is made up, and the volume has a real one; its room is this machine's.
        let is_the_machines_own = ["clock", "disk_space"].iter().any(|name| check["name"] == *name);
        assert!(check["status"] == "ok" || is_the_machines_own, "{check}");
    }
    house.get("/checks").await.expect_error(403, "forbidden");
    house.ask_locally(Method::GET, "/checks?tennant=x", Value::Null).await.expect_problems(&["tennant"]);
    house
        .ask_locally(Method::GET, "/checks?tenant=nobody", Value::Null)
        .await
        .expect_error(404, "tenant_not_found");
}

#[tokio::test]
async fn a_store_that_does_not_open_is_named_and_opened_again() {
    let house = House::new().await;
    let made = house.ask_locally(Method::POST, "/tenants", json!({"slug": "broken"})).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let ask = || {
        house.send(
            http::Request::get("/v1/stats")
                .extension(gateway::Peer::LocalSocket)
                .header("x-engram-tenant", "broken")
                .body(axum::body::Body::empty())
                .unwrap(),
        )
    };
    let folder = database_of(&house, &id).parent().unwrap().to_owned();
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();
    ask().await.expect_error(503, "tenant_unavailable");
    let check = found(&house, "/checks", "open_failures").await;
    assert_eq!(check["status"], "fail");
    assert!(check["detail"].as_str().unwrap().contains("broken"), "{check}");
    assert!(house.get("/metrics").await.text.contains("engram_db_open_failures_total 1"));

    fs::rename(&away, &folder).unwrap();
    let repaired = house.ask_locally(Method::POST, "/checks/repair", Value::Null).await.expect(200);
    let check = repaired["checks"].as_array().unwrap().iter().find(|check| check["name"] == "open_failures");
    assert_eq!(check.unwrap()["status"], "ok", "{repaired}");
    let log = house.ask_locally(Method::GET, "/audit-log?limit=5", Value::Null).await.expect(200);
    let rows = log["items"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["action"] == "repair" && row["target"] == "open_failures"), "{log}");
    ask().await.expect(200);
}

#[tokio::test]
async fn a_damaged_file_is_found_when_it_is_asked_for() {
    let house = House::new().await;
    for number in 0..200 {
        house.remember(&format!("memory {number} of many, so that the file has some pages")).await;
    }
    let whole = found(&house, "/checks?tenant=default", "integrity").await;
    assert_eq!(
        (&whole["status"], &whole["runbook"]),
        (&json!("ok"), &json!("docs/runbooks/tenants_quarantined.md"))
    );

    let tenant = house.ask_locally(Method::GET, "/tenants/default", Value::Null).await.expect(200);
    let id = tenant["id"].as_str().unwrap_or_else(|| panic!("{tenant}")).to_owned();
    house.app.shutdown().await;
    let path = database_of(&house, &id);
    let mut bytes = fs::read(&path).unwrap();
    // The header stays, so that it opens; everything in the middle is noise.
    let (from, to) = (bytes.len() / 3, bytes.len() * 2 / 3);
    bytes[from..to].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let app = server::app::App::open(house.app.config.clone()).await.unwrap();
    let house = House { router: app.router(), app, ..house };
    let damaged = found(&house, "/checks?tenant=default", "integrity").await;
    assert_eq!(damaged["status"], "fail", "{damaged}");
}

#[tokio::test]
async fn a_folder_that_others_may_enter_is_told() {
    let house = private_house().await;
    assert_eq!(found(&house, "/checks", "volume").await["status"], "ok");
    fs::set_permissions(house.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(found(&house, "/checks", "volume").await["status"], "warn");
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_and_its_keys_read_anew_when_it_is_back() {
    let issuer = Issuer::start().await;
    let house = House::with(|config| issuer.trusted_by(config)).await;
    assert_eq!(found(&house, "/checks", "jwks").await["status"], "ok");
    drop(issuer);
    house.clock.advance_ms(2 * 3_600_000);
    house.ask_locally(Method::POST, "/checks/repair", Value::Null).await.expect(200);
    let check = found(&house, "/checks", "jwks").await;
    assert_eq!(
        (&check["status"], &check["runbook"]),
        (&json!("fail"), &json!("docs/runbooks/jwks_stale.md"))
    );
}
