//! `/tenants`: made, listed, suspended, deleted.

use std::time::{Duration, Instant};

use control::Actor;
use http::Method;
use serde_json::{Value, json};
use server::app::App;
use tenancy::Slug;

use crate::house::House;

#[tokio::test]
async fn a_tenant_is_created_suspended_resumed_and_deleted() {
    let house = House::new().await;
    let key = house.another_tenant("acme").await;
    let status = |word: &str| {
        let body = json!({ "status": word });
        let house = &house;
        async move { house.ask_locally(Method::PATCH, "/tenants/acme", body).await }
    };
    let ask = || house.ask_as(&key, Method::POST, "/v1/memories", json!({"content": "x"}));
    ask().await.expect(201);
    status("suspended").await.expect(200);
    ask().await.expect_error(403, "tenant_suspended");
    status("active").await.expect(200);
    ask().await.expect(201);
    let gone = house.ask_locally(Method::DELETE, "/tenants/acme", Value::Null).await.expect(202);
    assert_eq!((&gone["slug"], &gone["requested_by"]), (&json!("acme"), &json!("local")));
    assert_eq!(ask().await.status, 401);
    let id = gone["tenant_id"].as_str().unwrap();
    let receipt = finished(&house, id).await;
    assert_eq!(receipt["steps"]["count_contents"]["memories"], 2, "{receipt}");
    assert!(receipt["steps"]["count_contents"]["bytes"].as_u64().unwrap() > 0, "{receipt}");
    let left = walk(house.folder.path()).into_iter().filter(|path| path.contains(id)).count();
    assert_eq!(left, 0, "the files are gone");
    status("active").await.expect_error(404, "tenant_not_found");
    house.ask_locally(Method::POST, "/tenants", json!({"slug": "acme"})).await.expect(201);
}

#[tokio::test]
async fn tenants_are_listed_in_pages_and_by_status() {
    let house = House::new().await;
    for slug in ["b", "a", "c"] {
        house.ask_locally(Method::POST, "/tenants", json!({ "slug": slug })).await.expect(201);
    }
    let suspend = json!({"status": "suspended"});
    house.ask_locally(Method::PATCH, "/tenants/b", suspend).await.expect(200);
    let list = |path: String| {
        let house = &house;
        async move { house.ask_locally(Method::GET, &path, Value::Null).await.expect(200) }
    };
    let mut slugs = Vec::new();
    let mut path = "/tenants?limit=1".to_owned();
    loop {
        let page = list(path).await;
        slugs.push(page["items"][0]["slug"].as_str().unwrap().to_owned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/tenants?limit=1&cursor={cursor}");
    }
    assert_eq!(slugs, ["a", "b", "c", "default"]);
    assert_eq!(list("/tenants?status=suspended".into()).await["items"].as_array().unwrap().len(), 1);
    let bad = house.ask_locally(Method::GET, "/tenants?status=odd&cursor=x&limit=0&x=1", Value::Null).await;
    bad.expect_problems(&["status", "cursor", "limit", "x"]);
}

#[tokio::test]
async fn a_tenant_is_shown_to_its_own_admins_and_to_operators() {
    let house = House::new().await;
    let other = house.another_tenant("other").await;
    let own = house.ask_as(&other, Method::GET, "/tenants/other", Value::Null).await.expect(200);
    assert_eq!((&own["slug"], &own["limits"]["memories"]), (&json!("other"), &Value::Null));
    house
        .ask_as(&other, Method::GET, "/tenants/default", Value::Null)
        .await
        .expect_error(403, "tenant_mismatch");
    house.ask_locally(Method::GET, "/tenants/other", Value::Null).await.expect(200);
    house
        .ask_locally(Method::GET, "/tenants/nobody", Value::Null)
        .await
        .expect_error(404, "tenant_not_found");
    house.ask_locally(Method::GET, "/tenants/No%20Slug", Value::Null).await.expect_problems(&["slug"]);
}

#[tokio::test]
async fn a_tenant_is_deleted_by_operators_and_owners_only() {
    let house = House::new().await;
    let key = house.another_tenant("acme").await;
    house.ask_as(&key, Method::DELETE, "/tenants/acme", Value::Null).await.expect_error(403, "forbidden");
    house.delete("/tenants/acme").await.expect_error(403, "tenant_mismatch");
    house
        .ask_locally(Method::PATCH, "/tenants/acme", json!({"status": "deleted"}))
        .await
        .expect_problems(&["status"]);
    house.get("/tenants/acme/deletion").await.expect_error(403, "forbidden");
    house
        .ask_locally(Method::GET, "/tenants/acme/deletion", Value::Null)
        .await
        .expect_error(404, "not_found");
    house.ask_locally(Method::DELETE, "/tenants/acme", Value::Null).await.expect(202);
    house
        .ask_locally(Method::DELETE, "/tenants/acme", Value::Null)
        .await
        .expect_error(404, "tenant_not_found");
}

#[tokio::test]
async fn a_deletion_goes_on_after_a_crash_and_keeps_what_was_noted() {
    let house = House::new().await;
    house.another_tenant("acme").await;
    // A process that dies between two steps: the tenant is deleted, the first step is noted, nobody goes on.
    let slug = Slug::parse("acme").unwrap();
    let deletion = house.app.control.delete_tenant(&slug, &Actor::local()).await.unwrap();
    let counted = json!({"files": 7, "bytes": 8, "memories": 9});
    house
        .app
        .control
        .note_deletion_step(&deletion.tenant_id, "count_contents", counted.clone())
        .await
        .unwrap();
    house.app.shutdown().await;
    let again = App::open(house.app.config.clone()).await.unwrap();
    let house = House { router: again.router(), app: again, ..house };
    let id = deletion.tenant_id.to_string();
    let receipt = finished(&house, &id).await;
    assert_eq!(receipt["steps"]["count_contents"], counted);
    assert!(receipt["steps"]["remove_files"].is_object(), "{receipt}");
    assert!(walk(house.folder.path()).iter().all(|path| !path.contains(&id)), "the files are gone");
}

#[tokio::test]
async fn a_folder_that_cannot_be_removed_is_tried_again() {
    let house = House::new().await;
    house.another_tenant("acme").await;
    let shown = house.ask_locally(Method::GET, "/tenants/acme", Value::Null).await.expect(200);
    let id = shown["id"].as_str().unwrap();
    let folder = walk(house.folder.path()).into_iter().find(|path| path.ends_with(id)).unwrap();
    // A file in the folder's place is nothing that can be walked or removed as a folder, whoever asks.
    std::fs::rename(&folder, format!("{folder}.aside")).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    house.ask_locally(Method::DELETE, "/tenants/acme", Value::Null).await.expect(202);
    let failed = until(&house, id, |deletion| deletion["attempts"] == 1).await;
    assert!(failed["last_error"].as_str().unwrap().starts_with("count_contents"), "{failed}");
    assert_eq!(failed["status"], "running");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(format!("{folder}.aside"), &folder).unwrap();
    // Not before its time.
    let job = server::jobs::JOBS.iter().find(|job| job.name == "delete_tenants").unwrap();
    job.run_now(&house.app).await.unwrap();
    let waiting = house.ask_locally(Method::GET, &format!("/tenants/{id}/deletion"), Value::Null).await;
    assert_eq!(waiting.expect(200)["status"], "running");
    house.clock.advance_ms(120_000);
    job.run_now(&house.app).await.unwrap();
    let receipt = finished(&house, id).await;
    assert_eq!(receipt["attempts"], 1);
}

#[tokio::test]
async fn bad_tenants_keys_and_plans_are_refused_by_name() {
    let house = House::new().await;
    let post = |path: &'static str, body: Value| {
        let house = &house;
        async move { house.ask_locally(Method::POST, path, body).await }
    };
    post("/tenants", json!({"slug": "default"})).await.expect_error(409, "conflict");
    post("/tenants", json!({"slug": "No Slug", "kind": "odd", "colour": 1}))
        .await
        .expect_problems(&["slug", "kind", "colour"]);
    post("/tenants", json!({"slug": "ok", "plan": "nowhere"})).await.expect_error(404, "not_found");
    post("/api-keys", json!({"tenant": "default", "scopes": ["sudo"]})).await.expect_problems(&["scopes[0]"]);
    post("/api-keys", json!({"tenant": "nobody"})).await.expect_error(404, "tenant_not_found");
    post("/api-keys", json!({})).await.expect_problems(&["tenant"]);
    post("/plans", json!({"limits": {"memories": -1, "rates": {"read": {"burst": 1}}}}))
        .await
        .expect_problems(&["name", "limits.memories", "limits.rates.read.per_second"]);
    house.ask_locally(Method::PATCH, "/tenants/default", json!({})).await.expect_problems(&["status"]);
}

/// The deletion, once it is finished.
async fn finished(house: &House, id: &str) -> Value {
    until(house, id, |deletion| deletion["status"] == "finished").await
}

async fn until(house: &House, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let path = format!("/tenants/{id}/deletion");
        let deletion = house.ask_locally(Method::GET, &path, Value::Null).await.expect(200);
        if holds(&deletion) {
            return deletion;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{deletion}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        paths.push(entry.path().display().to_string());
        if entry.path().is_dir() {
            paths.extend(walk(&entry.path()));
        }
    }
    paths
}
