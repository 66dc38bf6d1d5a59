//! `/members`: who belongs to a tenant, and who may change it.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

/// Makes somebody a member of the default tenant, as an operator does.
async fn add(house: &House, user_id: &str, role: &str) {
    let body = json!({"tenant": "default", "user_id": user_id, "role": role});
    house.ask_locally(Method::POST, "/members", body).await.expect(201);
}

#[tokio::test]
async fn a_tenant_keeps_an_owner() {
    let house = House::new().await;
    add(&house, "auth0|anna", "owner").await;
    let anna = "/members/auth0%7Canna";
    let role = |role: &str| json!({"tenant": "default", "role": role});
    let patch = |path: &'static str, body: Value| house.ask_locally(Method::PATCH, path, body);
    patch(anna, role("admin")).await.expect_error(409, "last_owner");
    let remove = || house.ask_locally(Method::DELETE, "/members/auth0%7Canna?tenant=default", Value::Null);
    remove().await.expect_error(409, "last_owner");
    add(&house, "ben", "owner").await;
    assert_eq!(patch(anna, role("viewer")).await.expect(200)["role"], "viewer");
    remove().await.expect(204);
    remove().await.expect_error(404, "not_found");
    let left = house.get("/members").await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    assert_eq!((&left["items"][0]["user_id"], &left["items"][0]["role"]), (&json!("ben"), &json!("owner")));
}

#[tokio::test]
async fn an_admin_key_manages_everybody_but_owners() {
    let house = House::new().await;
    add(&house, "owner", "owner").await;
    add(&house, "second", "owner").await;
    add(&house, "member", "member").await;
    let patch = |path: &'static str, role: &str| house.ask(Method::PATCH, path, json!({ "role": role }));
    patch("/members/member", "admin").await.expect(200);
    patch("/members/member", "owner").await.expect_error(403, "forbidden");
    patch("/members/owner", "admin").await.expect_error(403, "forbidden");
    house.delete("/members/owner").await.expect_error(403, "forbidden");
    house.delete("/members/member").await.expect(204);
    let body = json!({"user_id": "new", "role": "viewer"});
    house.post("/members", body).await.expect_error(403, "forbidden");
    let other = house.another_tenant("other").await;
    let seen = house.ask_as(&other, Method::GET, "/members", Value::Null).await.expect(200);
    assert_eq!(seen["items"], json!([]));
    let reach = house.ask_as(&other, Method::DELETE, "/members/second", Value::Null).await;
    reach.expect_error(404, "not_found");
    let named = house.ask_as(&other, Method::GET, "/members?tenant=default", Value::Null).await;
    named.expect_error(403, "tenant_mismatch");
    let reader = house.post("/api-keys", json!({"scopes": ["memories:read"]})).await.expect(201);
    let refused = house.ask_as(reader["key"].as_str().unwrap(), Method::GET, "/members", Value::Null).await;
    refused.expect_error(403, "forbidden");
}

#[tokio::test]
async fn bad_members_are_refused_by_name() {
    let house = House::new().await;
    let post = |body: Value| house.ask_locally(Method::POST, "/members", body);
    post(json!({"user_id": "x", "role": "owner"})).await.expect_problems(&["tenant"]);
    post(json!({"tenant": "default", "user_id": " ", "role": "king", "email": "x", "age": 3}))
        .await
        .expect_problems(&["user_id", "role", "email", "age"]);
    post(json!({"tenant": "nobody", "user_id": "x", "role": "owner"}))
        .await
        .expect_error(404, "tenant_not_found");
    post(json!({"tenant": "No Slug", "user_id": "x", "role": "owner"})).await.expect_problems(&["tenant"]);
    add(&house, "x", "owner").await;
    let again = json!({"tenant": "default", "user_id": "x", "role": "viewer"});
    post(again).await.expect_error(409, "conflict");
    house.ask_locally(Method::GET, "/members", Value::Null).await.expect_problems(&["tenant"]);
}
