//! People with tokens of an identity provider: they sign up, invite each other, and do what their role allows.

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Value, json};
use server::config::SignUp;
use stdx::clock::Clock;

use crate::house::{Answer, House};
use crate::issuer::Issuer;

/// A service that believes a provider, and lets people make tenants.
struct Town {
    house: House,
    issuer: Issuer,
}

impl Town {
    async fn new() -> Self {
        let issuer = Issuer::start().await;
        let house = House::with(|config| {
            issuer.trusted_by(config);
            config.service.sign_up = SignUp::Open;
        })
        .await;
        Self { house, issuer }
    }

    fn token(&self, user_id: &str) -> String {
        self.issuer.token(user_id, self.house.clock.now().as_second())
    }

    /// A request of a person in a tenant.
    async fn ask(&self, user_id: &str, tenant: &str, method: Method, path: &str, body: Value) -> Answer {
        let token = self.token(user_id);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("x-engram-tenant", tenant);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.house.send(request.body(body).unwrap()).await
    }

    /// A request of a person in no tenant.
    async fn ask_alone(&self, user_id: &str, method: Method, path: &str, body: Value) -> Answer {
        self.house.ask_as(&self.token(user_id), method, path, body).await
    }

    async fn sign_up(&self, user_id: &str, slug: &str) {
        let made = self.ask_alone(user_id, Method::POST, "/tenants", json!({ "slug": slug })).await;
        assert_eq!(made.expect(201)["role"], "owner");
    }

    /// Has somebody invite another person, who accepts.
    async fn bring_in(&self, host: &str, tenant: &str, guest: &str, role: &str) {
        let invite = self.ask(host, tenant, Method::POST, "/invites", json!({ "role": role })).await;
        let token = json!({ "token": invite.expect(201)["token"] });
        let member = self.ask_alone(guest, Method::POST, "/invites/accept", token).await.expect(200);
        assert_eq!((&member["user_id"], &member["role"]), (&json!(guest), &json!(role)));
    }
}

#[tokio::test]
async fn whoever_signs_up_owns_their_tenant() {
    let town = Town::new().await;
    town.sign_up("anna", "acme").await;
    let own = town.ask_alone("anna", Method::GET, "/tenants", Value::Null).await.expect(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!((&own["items"][0]["slug"], &own["items"][0]["role"]), (&json!("acme"), &json!("owner")));
    let stored = json!({"content": "Anna was here"});
    town.ask("anna", "acme", Method::POST, "/v1/memories", stored).await.expect(201);
    let members = town.ask("anna", "acme", Method::GET, "/members", Value::Null).await.expect(200);
    assert_eq!(members["items"][0]["email"], "anna@example.com");
    let log = town.ask("anna", "acme", Method::GET, "/audit-log", Value::Null).await.expect(200);
    assert!(log["items"].as_array().unwrap().iter().all(|row| row["actor"] == "user:anna"), "{log}");
    let none = town.ask_alone("ben", Method::GET, "/tenants", Value::Null).await.expect(200);
    assert_eq!(none["items"], json!([]));
    let chosen = json!({"slug": "rich", "plan": "unlimited", "kind": "test"});
    town.ask_alone("ben", Method::POST, "/tenants", chosen).await.expect_problems(&["plan", "kind"]);
    town.ask_alone("ben", Method::POST, "/tenants", json!({"slug": "acme"}))
        .await
        .expect_error(409, "conflict");
}

#[tokio::test]
async fn nobody_signs_up_where_it_is_closed() {
    let issuer = Issuer::start().await;
    let house = House::with(|config| issuer.trusted_by(config)).await;
    let token = issuer.token("anna", house.clock.now().as_second());
    let refused = house.ask_as(&token, Method::POST, "/tenants", json!({"slug": "acme"})).await;
    refused.expect_error(403, "forbidden");
    house.post("/tenants", json!({"slug": "acme"})).await.expect_error(403, "forbidden");
}

#[tokio::test]
async fn one_person_owns_ten_tenants_at_most() {
    let town = Town::new().await;
    for number in 0..10 {
        town.sign_up("anna", &format!("t{number}")).await;
    }
    let more = town.ask_alone("anna", Method::POST, "/tenants", json!({"slug": "more"})).await;
    more.expect_error(403, "forbidden");
}

#[tokio::test]
async fn each_role_does_what_it_may() {
    let town = Town::new().await;
    town.sign_up("owner", "acme").await;
    for role in ["admin", "member", "viewer"] {
        town.bring_in("owner", "acme", role, role).await;
    }
    let status = |user: &'static str, method: Method, path: &'static str, body: Value| {
        let town = &town;
        async move { town.ask(user, "acme", method, path, body).await.status }
    };
    for (user, read, write, manage) in [
        ("owner", 200, 201, 200),
        ("admin", 200, 201, 200),
        ("member", 200, 201, 403),
        ("viewer", 200, 403, 403),
    ] {
        assert_eq!(status(user, Method::GET, "/v1/stats", Value::Null).await, read, "{user}");
        let memory = json!({"content": "x"});
        assert_eq!(status(user, Method::POST, "/v1/memories", memory).await, write, "{user}");
        for path in ["/members", "/invites", "/api-keys", "/audit-log", "/v1/usage", "/tenants/acme"] {
            assert_eq!(status(user, Method::GET, path, Value::Null).await, manage, "{user} {path}");
        }
    }
    let patch = |user, path, role: &str| status(user, Method::PATCH, path, json!({ "role": role }));
    assert_eq!(patch("admin", "/members/viewer", "admin").await, 200);
    assert_eq!(patch("admin", "/members/viewer", "owner").await, 403);
    assert_eq!(patch("admin", "/members/owner", "viewer").await, 403);
    assert_eq!(status("admin", Method::POST, "/invites", json!({"role": "owner"})).await, 403);
    assert_eq!(status("admin", Method::DELETE, "/members/owner", Value::Null).await, 403);
    assert_eq!(status("admin", Method::DELETE, "/tenants/acme", Value::Null).await, 403);
    assert_eq!(patch("owner", "/members/owner", "admin").await, 409);
    assert_eq!(patch("owner", "/members/admin", "owner").await, 200);
    assert_eq!(status("owner", Method::DELETE, "/members/admin", Value::Null).await, 204);
    // What was remembered of them is forgotten at once.
    assert_eq!(status("admin", Method::GET, "/v1/stats", Value::Null).await, 403);
    assert_eq!(status("owner", Method::DELETE, "/tenants/acme", Value::Null).await, 202);
    assert_ne!(status("owner", Method::GET, "/v1/stats", Value::Null).await, 200);
}

#[tokio::test]
async fn an_invite_is_accepted_once_by_whom_it_names() {
    let town = Town::new().await;
    town.sign_up("anna", "acme").await;
    let body = json!({"role": "member", "email": "Ben@example.com"});
    let made = town.ask("anna", "acme", Method::POST, "/invites", body).await.expect(201);
    let token = json!({"token": made["token"]});
    let accept = |user: &'static str| town.ask_alone(user, Method::POST, "/invites/accept", token.clone());
    accept("carl").await.expect_error(403, "forbidden");
    let unproven = json!({"email": "ben@example.com", "email_verified": false});
    let unproven = town.issuer.token_with("ben", town.house.clock.now().as_second(), unproven);
    let refused = town.house.ask_as(&unproven, Method::POST, "/invites/accept", token.clone()).await;
    refused.expect_error(403, "forbidden");
    assert_eq!(accept("ben").await.expect(200)["tenant"], "acme");
    accept("ben").await.expect_error(409, "invite_spent");
    let listed = town.ask("anna", "acme", Method::GET, "/invites", Value::Null).await.expect(200);
    let invite = &listed["items"][0];
    assert_eq!((&invite["status"], &invite["accepted_by"]), (&json!("accepted"), &json!("ben")));
    let unknown = json!({"token": format!("eng_inv_{}", "x".repeat(40))});
    town.ask_alone("ben", Method::POST, "/invites/accept", unknown).await.expect_error(404, "not_found");
    town.ask_alone("ben", Method::POST, "/invites/accept", json!({"token": "x"}))
        .await
        .expect_error(404, "not_found");
}

#[tokio::test]
async fn an_old_or_revoked_invite_opens_nothing() {
    let town = Town::new().await;
    town.sign_up("anna", "acme").await;
    let invite = async || {
        let body = json!({"role": "member", "expires_in_s": 3_600});
        town.ask("anna", "acme", Method::POST, "/invites", body).await.expect(201)
    };
    let (old, revoked) = (invite().await, invite().await);
    let path = format!("/invites/{}", revoked["id"].as_str().unwrap());
    town.ask("anna", "acme", Method::DELETE, &path, Value::Null).await.expect(200);
    town.house.clock.advance_ms(3_600_000);
    for made in [old, revoked] {
        let token = json!({"token": made["token"]});
        let refused = town.ask_alone("ben", Method::POST, "/invites/accept", token).await;
        refused.expect_error(409, "invite_spent");
    }
}

#[tokio::test]
async fn the_operator_claim_administers_every_tenant() {
    let town = Town::new().await;
    town.sign_up("anna", "acme").await;
    let claims = json!({"engram_operator": true});
    let operator = town.issuer.token_with("ops", town.house.clock.now().as_second(), claims);
    let ask = |method, path: &'static str, body| town.house.ask_as(&operator, method, path, body);
    assert!(
        ask(Method::GET, "/tenants", Value::Null).await.expect(200)["items"].as_array().unwrap().len() >= 2
    );
    ask(Method::GET, "/members?tenant=acme", Value::Null).await.expect(200);
    ask(Method::GET, "/members", Value::Null).await.expect_problems(&["tenant"]);
    ask(Method::PATCH, "/tenants/acme", json!({"status": "suspended"})).await.expect(200);
    // A suspended tenant is administered all the same.
    ask(Method::GET, "/members?tenant=acme", Value::Null).await.expect(200);
    let newest = ask(Method::GET, "/audit-log?tenant=acme", Value::Null).await.expect(200);
    assert_eq!(newest["items"][0]["actor"], "user:ops");
    ask(Method::DELETE, "/tenants/acme", Value::Null).await.expect(202);
}

#[tokio::test]
async fn whoever_came_may_go_and_the_last_owner_stays() {
    let town = Town::new().await;
    town.sign_up("anna", "acme").await;
    town.sign_up("dora", "other").await;
    for role in ["admin", "member", "viewer"] {
        town.bring_in("anna", "acme", role, role).await;
    }
    let leave = |user: &'static str, tenant: &'static str| {
        let town = &town;
        let path = format!("/membership?tenant={tenant}");
        async move { town.ask_alone(user, Method::DELETE, &path, Value::Null).await }
    };
    let unnamed = town.ask_alone("viewer", Method::DELETE, "/membership", Value::Null).await;
    unnamed.expect_problems(&["tenant"]);
    leave("viewer", "other").await.expect_error(403, "not_a_member");
    leave("viewer", "nobody").await.expect_error(404, "tenant_not_found");
    leave("anna", "acme").await.expect_error(409, "last_owner");
    for user in ["admin", "member", "viewer"] {
        leave(user, "acme").await.expect(204);
        let again = town.ask(user, "acme", Method::GET, "/v1/stats", Value::Null).await;
        again.expect_error(403, "not_a_member");
        leave(user, "acme").await.expect_error(403, "not_a_member");
    }
    let left = town.ask("anna", "acme", Method::GET, "/members", Value::Null).await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
    let log = town.ask("anna", "acme", Method::GET, "/audit-log", Value::Null).await.expect(200);
    let newest = &log["items"][0];
    assert_eq!(
        (&newest["actor"], &newest["action"], &newest["target"]),
        (&json!("user:viewer"), &json!("remove_member"), &json!("viewer"))
    );
    town.bring_in("anna", "acme", "ben", "owner").await;
    leave("anna", "acme").await.expect(204);
    // A key belongs to the tenant and to nobody, and an operator to no tenant.
    let path = "/membership?tenant=default";
    town.house.delete(path).await.expect_error(403, "forbidden");
    town.house.ask_locally(Method::DELETE, path, Value::Null).await.expect_error(403, "forbidden");
}
