//! `/api-keys` and `/operator-keys`.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

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
    let ask = |method, path: &'static str, body| house.ask_as(key, method, path, body);
    ask(Method::POST, "/tenants", json!({"slug": "acme"})).await.expect(201);
    ask(Method::GET, "/members?tenant=acme", Value::Null).await.expect(200);
    ask(Method::GET, "/members", Value::Null).await.expect_problems(&["tenant"]);
    ask(Method::POST, "/invites", json!({"tenant": "acme", "role": "owner"})).await.expect(201);
    let scopes = json!({"tenant": "acme", "scopes": ["memories:write", "admin"]});
    ask(Method::POST, "/api-keys", scopes).await.expect(201);
    ask(Method::PATCH, "/tenants/acme", json!({"status": "suspended"})).await.expect(200);
    ask(Method::GET, "/tenants/acme", Value::Null).await.expect(200);
    ask(Method::DELETE, "/tenants/acme", Value::Null).await.expect(202);
    // None of it is on the tenant's bill.
    let used = ask(Method::GET, "/usage", Value::Null).await.expect(200);
    let rows = used["items"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["tenant"] != "acme" || row["api_calls"] == 0), "{used}");
}

#[tokio::test]
async fn a_rotated_key_and_its_heir_both_open_until_the_overlap_is_over() {
    let house = House::new().await;
    let made = house.post("/api-keys", json!({"name": "ci", "scopes": ["memories:read"]})).await.expect(201);
    let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let path = format!("/api-keys/{id}/rotate");
    let heir = house.post(&path, json!({"overlap_s": 3600})).await.expect(201);
    let new = heir["key"].as_str().unwrap();
    assert_eq!((&heir["name"], &heir["scopes"]), (&made["name"], &made["scopes"]));
    let ask = |key: String| {
        let house = &house;
        async move { house.ask_as(&key, Method::GET, "/v1/stats", Value::Null).await.status }
    };
    assert_eq!((ask(old.into()).await, ask(new.into()).await), (200, 200));
    house.clock.advance_ms(3_601_000);
    assert_eq!((ask(old.into()).await, ask(new.into()).await), (401, 200));
    let listed = house.get("/api-keys").await.expect(200);
    let listed = listed["items"].as_array().unwrap();
    let entry = listed.iter().find(|key| key["id"] == *id).unwrap();
    assert_eq!(entry["rotated_to"], heir["id"]);
}

#[tokio::test]
async fn what_cannot_be_rotated_is_refused() {
    let house = House::new().await;
    let other = house.another_tenant("other").await;
    let made = house.post("/api-keys", json!({"scopes": ["search"]})).await.expect(201);
    let path = format!("/api-keys/{}/rotate", made["id"].as_str().unwrap());
    house.ask_as(&other, Method::POST, &path, json!({})).await.expect_error(404, "not_found");
    house.post(&path, json!({"overlap_s": -1, "x": 1})).await.expect_problems(&["overlap_s", "x"]);
    house.post("/api-keys/key_nothing/rotate", json!({})).await.expect_error(404, "not_found");
    // An operator needs no tenant to find a key.
    house.ask_locally(Method::POST, &path, json!({})).await.expect(201);
}
