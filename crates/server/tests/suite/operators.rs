//! `/tenants`, `/api-keys`, `/plans`.

use http::Method;
use serde_json::{Value, json};

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
    let gone = status("deleted").await.expect(200);
    assert_eq!(gone["status"], "deleted");
    assert_eq!(ask().await.status, 401);
    let id = gone["id"].as_str().unwrap();
    let left = walk(house.folder.path()).into_iter().filter(|path| path.contains(id)).count();
    assert_eq!(left, 0, "the files are gone");
    status("active").await.expect_error(404, "tenant_not_found");
    house.ask_locally(Method::POST, "/tenants", json!({"slug": "acme"})).await.expect(201);
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

#[tokio::test]
async fn bad_tenants_and_keys_are_refused_by_name() {
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

#[tokio::test]
async fn a_key_is_listed_without_its_secret_and_refused_once_revoked() {
    let house = House::new().await;
    let made = house
        .ask_locally(Method::POST, "/api-keys", json!({"tenant": "default", "name": "ci"}))
        .await
        .expect(201);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(key.starts_with("eng_live_"));
    house.ask_as(key, Method::GET, "/v1/stats", Value::Null).await.expect(200);
    let listed = house.get("/api-keys").await;
    assert!(listed.text.contains(id) && !listed.text.contains(key));
    house.delete(&format!("/api-keys/{id}")).await.expect(200);
    house.ask_as(key, Method::GET, "/v1/stats", Value::Null).await.expect_error(401, "unauthorized");
    house.delete("/api-keys/key_nothing").await.expect_error(404, "not_found");
}

#[tokio::test]
async fn a_tenants_admin_manages_its_own_keys_and_no_others() {
    let house = House::new().await;
    let other = house.another_tenant("other").await;
    let made = house.post("/api-keys", json!({"scopes": ["search"]})).await.expect(201);
    assert_eq!(made["tenant"], "default");
    house.post("/api-keys", json!({"tenant": "other"})).await.expect_error(403, "tenant_mismatch");
    let id = made["id"].as_str().unwrap();
    house
        .ask_as(&other, Method::DELETE, &format!("/api-keys/{id}"), Value::Null)
        .await
        .expect_error(404, "not_found");
    let listed = house.ask_as(&other, Method::GET, "/api-keys", Value::Null).await;
    assert!(!listed.text.contains(id));
    house.post("/operator-keys", json!({})).await.expect_error(403, "forbidden");
}

#[tokio::test]
async fn an_operators_key_manages_tenants_and_reaches_no_memories() {
    let house = House::new().await;
    let made = house.ask_locally(Method::POST, "/operator-keys", json!({"name": "ops"})).await.expect(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("eng_op_") && made["tenant"].is_null());
    house.ask_as(key, Method::GET, "/tenants", Value::Null).await.expect(200);
    house.ask_as(key, Method::GET, "/v1/memories/1", Value::Null).await.expect_error(403, "forbidden");
    house.get("/tenants").await.expect_error(403, "forbidden");
}
