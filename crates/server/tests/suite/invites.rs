//! `/invites`: made, listed without their tokens, revoked.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn an_invite_is_shown_once_and_revoked() {
    let house = House::new().await;
    let body = json!({"role": "member", "email": "anna@example.com", "expires_in_s": 3600});
    let made = house.post("/invites", body).await.expect(201);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!((&made["status"], &made["tenant"]), (&json!("open"), &json!("default")));
    let listed = house.get("/invites").await;
    assert!(listed.text.contains(id) && !listed.text.contains(token), "{}", listed.text);
    let other = house.another_tenant("other").await;
    let path = format!("/invites/{id}");
    house.ask_as(&other, Method::DELETE, &path, Value::Null).await.expect_error(404, "not_found");
    assert_eq!(house.delete(&path).await.expect(200)["status"], "revoked");
    assert_eq!(house.delete(&path).await.expect(200)["status"], "revoked", "twice is once");
    assert_eq!(house.get("/invites").await.expect(200)["items"][0]["status"], "revoked");
}

#[tokio::test]
async fn an_invite_expires() {
    let house = House::new().await;
    house.post("/invites", json!({"role": "viewer"})).await.expect(201);
    house.clock.advance_ms(8 * 86_400_000);
    assert_eq!(house.get("/invites").await.expect(200)["items"][0]["status"], "expired");
}

#[tokio::test]
async fn a_key_invites_no_owners_and_accepts_nothing() {
    let house = House::new().await;
    house.post("/invites", json!({"role": "owner"})).await.expect_error(403, "forbidden");
    let by_operator = json!({"tenant": "default", "role": "owner"});
    let made = house.ask_locally(Method::POST, "/invites", by_operator).await.expect(201);
    let token = json!({"token": made["token"]});
    house.post("/invites/accept", token).await.expect_error(403, "forbidden");
}

#[tokio::test]
async fn bad_invites_are_refused_by_name() {
    let house = House::new().await;
    house
        .post("/invites", json!({"role": "king", "email": "x", "expires_in_s": 1, "note": "hi"}))
        .await
        .expect_problems(&["role", "email", "expires_in_s", "note"]);
    house.post("/invites/accept", json!({})).await.expect_problems(&["token"]);
    house.delete("/invites/inv_nothing").await.expect_error(404, "not_found");
    house.ask_locally(Method::POST, "/invites", json!({"role": "owner"})).await.expect_problems(&["tenant"]);
}
