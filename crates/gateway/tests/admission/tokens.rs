//! Tokens of an identity provider: a real key set over HTTP, real signatures, and every way to forge one.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control::NewMember;
use gateway::{Credentials, GatewayOptions, JwtOptions, Peer};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use tenancy::{Operation, Role, TenantId};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{START_MS, World, outcome};

/// An identity provider: a key set, and what signs with it.
pub(crate) struct Provider {
    server: MockServer,
    keys: Vec<(String, KeyPair)>,
}

impl Provider {
    pub(crate) async fn new(kids: &[&str]) -> Self {
        let pair = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let keys = kids.iter().map(|kid| ((*kid).to_owned(), pair())).collect();
        let provider = Self { server: MockServer::start().await, keys };
        provider.publish(kids).await;
        provider
    }

    /// Serves these keys from now on.
    async fn publish(&self, kids: &[&str]) {
        let keys: Vec<_> =
            self.keys.iter().filter(|(kid, _)| kids.contains(&kid.as_str())).map(jwk).collect();
        self.serve(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))).await;
    }

    pub(crate) async fn serve(&self, answer: ResponseTemplate) {
        self.server.reset().await;
        Mock::given(path("/jwks")).respond_with(answer).mount(&self.server).await;
    }

    async fn fetches(&self) -> usize {
        self.server.received_requests().await.unwrap().len()
    }

    pub(crate) fn options(&self) -> JwtOptions {
        let jwks_url = format!("{}/jwks", self.server.uri());
        JwtOptions { jwks_url, ..JwtOptions::new("https://id.example", "engram") }
    }

    async fn world(&self) -> World {
        World::with_options(GatewayOptions { jwt: Some(self.options()), ..GatewayOptions::default() }).await
    }

    /// A token with these claims beside the usual ones, signed by a key.
    fn token(&self, kid: &str, claims: Value) -> String {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &usual(claims), &self.signer(kid)).unwrap()
    }

    fn signer(&self, kid: &str) -> EncodingKey {
        let (_, pair) = self.keys.iter().find(|(known, _)| known == kid).unwrap();
        EncodingKey::from_ec_der(&pair.serialize_der())
    }
}

fn jwk((kid, pair): &(String, KeyPair)) -> Value {
    let point = pair.public_key_raw();
    let coordinate = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
    json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": coordinate(1), "y": coordinate(33) })
}

pub(crate) fn usual(claims: Value) -> Value {
    let now_s = START_MS / 1_000;
    let mut all = json!({ "iss": "https://id.example", "aud": "engram", "sub": "ann", "iat": now_s, "exp": now_s + 86_400 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    all
}

impl World {
    pub(crate) async fn join(&self, tenant: &TenantId, user_id: &str, role: Role) {
        let new = NewMember { tenant_id: tenant.clone(), user_id: user_id.to_owned(), email: None, role };
        self.control.add_member(new, &self.by).await.unwrap();
    }

    /// What becomes of a request with this token: `ok`, the code of the refusal, or the reason of a 401.
    pub(crate) async fn with_token(&self, token: &str, tenant: Option<&str>, operation: Operation) -> String {
        let bearer = format!("Bearer {token}");
        let peer = Peer::Network([127, 0, 0, 1].into());
        let credentials =
            Credentials { authorization: Some(&bearer), tenant_header: tenant, ..Credentials::none(peer) };
        match self.admit(&credentials, operation).await {
            Err(gateway::Refusal::Unauthenticated { reason }) => reason.name().to_owned(),
            other => outcome(other).to_owned(),
        }
    }
}

#[tokio::test]
async fn a_member_does_in_a_tenant_what_the_role_allows() {
    let provider = Provider::new(&["k"]).await;
    let world = provider.world().await;
    let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
    world.join(&acme.id, "ann", Role::Viewer).await;
    let token = provider.token("k", json!({}));
    use Operation::{CreateInvite, CreateMemory, Search};
    let check = async |tenant: Option<&str>, operation: Operation, want: &str| {
        assert_eq!(world.with_token(&token, tenant, operation).await, want, "{tenant:?} {operation:?}");
    };
    check(Some("acme"), Search, "ok").await;
    check(None, Search, "ok").await;
    check(Some("acme"), CreateMemory, "forbidden").await;
    check(Some("other"), Search, "not_a_member").await;
    check(Some("ghost"), Search, "tenant_not_found").await;
    // What changes is noticed by the next request.
    world.control.set_member_role(&acme.id, "ann", Role::Admin, &world.by).await.unwrap();
    check(Some("acme"), CreateMemory, "ok").await;
    check(Some("acme"), CreateInvite, "ok").await;
    world.join(&other.id, "ann", Role::Member).await;
    check(None, Search, "tenant_required").await;
    world.join(&acme.id, "bob", Role::Owner).await;
    world.control.remove_member(&acme.id, "ann", &world.by).await.unwrap();
    check(Some("acme"), Search, "not_a_member").await;
    check(None, Search, "ok").await;
    world.control.delete_tenant(&other.slug, &world.by).await.unwrap();
    check(None, Search, "tenant_required").await;
    check(Some("other"), Search, "tenant_not_found").await;
}

#[tokio::test]
async fn a_claim_names_the_tenant_and_contradicts_every_other_name() {
    let provider = Provider::new(&["k"]).await;
    let world = provider.world().await;
    let acme = world.tenant("acme").await;
    world.join(&acme.id, "ann", Role::Member).await;
    let claimed = provider.token("k", json!({ "tenant": "acme" }));
    assert_eq!(world.with_token(&claimed, None, Operation::Search).await, "ok");
    assert_eq!(world.with_token(&claimed, Some("acme"), Operation::Search).await, "ok");
    assert_eq!(world.with_token(&claimed, Some("other"), Operation::Search).await, "tenant_mismatch");
}

#[tokio::test]
async fn an_operator_administers_every_tenant_and_reads_none() {
    let provider = Provider::new(&["k"]).await;
    let world = provider.world().await;
    world.tenant("acme").await;
    let token = provider.token("k", json!({ "sub": "root", "engram_operator": true }));
    assert_eq!(world.with_token(&token, Some("acme"), Operation::ListMembers).await, "ok");
    assert_eq!(world.with_token(&token, Some("acme"), Operation::Search).await, "forbidden");
    assert_eq!(world.with_token(&token, None, Operation::ListMembers).await, "tenant_required");
    let bearer = format!("Bearer {token}");
    let credentials = Credentials {
        authorization: Some(&bearer),
        ..Credentials::none(Peer::Network([127, 0, 0, 1].into()))
    };
    assert_eq!(world.gateway.admit_operator(&credentials).await.unwrap().actor().name(), "user:root");
}

#[tokio::test]
async fn forged_tokens_are_refused_and_say_why_only_to_us() {
    let provider = Provider::new(&["k", "unpublished"]).await;
    provider.publish(&["k"]).await;
    let world = provider.world().await;
    let acme = world.tenant("acme").await;
    world.join(&acme.id, "ann", Role::Member).await;
    let good = provider.token("k", json!({}));
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with_head = |value: Value| format!("{}.{body}.{signature}", part(value));
    let public_point = provider.keys[0].1.public_key_raw().to_vec();
    let hmac = |secret: &[u8]| {
        let header = Header { kid: Some("k".into()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &usual(json!({})), &EncodingKey::from_secret(secret)).unwrap()
    };
    let own_jwk = jwk(&("k".to_owned(), KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()));
    let by_another = {
        let header = Header { kid: Some("k".into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &usual(json!({})), &provider.signer("unpublished")).unwrap()
    };
    let now_s = START_MS / 1_000;
    for (what, token, want) in [
        ("good", good.clone(), "ok"),
        ("none", format!("{}.{body}.", part(json!({ "alg": "none", "kid": "k" }))), "algorithm_refused"),
        ("None", with_head(json!({ "alg": "nOnE", "kid": "k" })), "algorithm_refused"),
        ("the public key as a secret", hmac(&public_point), "algorithm_refused"),
        (
            "another algorithm of the same key",
            with_head(json!({ "alg": "ES384", "kid": "k" })),
            "algorithm_refused",
        ),
        ("RSA by a curve's key", with_head(json!({ "alg": "RS256", "kid": "k" })), "algorithm_refused"),
        ("no kid, one key", with_head(json!({ "alg": "ES256" })), "bad_signature"),
        (
            "a key of the sender's",
            with_head(json!({ "alg": "ES256", "kid": "k", "jwk": own_jwk })),
            "bad_signature",
        ),
        (
            "a set of the sender's",
            with_head(json!({ "alg": "ES256", "kid": "x", "jku": "http://127.0.0.1:1" })),
            "unknown_kid",
        ),
        ("another signer", by_another, "bad_signature"),
        ("an unknown key", provider.token("unpublished", json!({})), "unknown_kid"),
        (
            "other claims",
            format!("{head}.{}.{signature}", part(usual(json!({ "sub": "bob" })))),
            "bad_signature",
        ),
        ("cut", good[..good.len() - 4].to_owned(), "bad_signature"),
        ("expired", provider.token("k", json!({ "exp": now_s - 61 })), "token_expired"),
        ("future", provider.token("k", json!({ "nbf": now_s + 61 })), "not_yet_valid"),
        ("another issuer", provider.token("k", json!({ "iss": "https://evil.example" })), "wrong_issuer"),
        ("another audience", provider.token("k", json!({ "aud": ["other"] })), "wrong_audience"),
        ("nobody", provider.token("k", json!({ "sub": "" })), "missing_claim"),
        ("huge", provider.token("k", json!({ "x": "x".repeat(9_000) })), "token_too_large"),
        ("no JSON", format!("AAAA.{body}.{signature}"), "malformed_token"),
    ] {
        assert_eq!(world.with_token(&token, Some("acme"), Operation::Search).await, want, "{what}");
    }
}

#[tokio::test]
async fn a_token_ends_when_it_says_so_however_well_it_is_known() {
    let provider = Provider::new(&["k"]).await;
    let world = provider.world().await;
    let acme = world.tenant("acme").await;
    world.join(&acme.id, "ann", Role::Member).await;
    let token = provider.token("k", json!({ "exp": START_MS / 1_000 + 10 }));
    for (advance_ms, want) in [(0, "ok"), (69_000, "ok"), (1_000, "token_expired")] {
        world.clock.advance_ms(advance_ms);
        assert_eq!(world.with_token(&token, None, Operation::Search).await, want, "{advance_ms}");
    }
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_in_30_s_and_known_ones_go_on_without_the_provider() {
    let provider = Provider::new(&["k", "new"]).await;
    provider.publish(&["k"]).await;
    let world = provider.world().await;
    let acme = world.tenant("acme").await;
    world.join(&acme.id, "ann", Role::Member).await;
    let known = provider.token("k", json!({}));
    assert_eq!(world.with_token(&known, None, Operation::Search).await, "ok");
    assert_eq!(provider.fetches().await, 1);

    provider.serve(ResponseTemplate::new(500)).await;
    world.clock.advance_ms(30_000);
    for round in 0..1_000 {
        let kid = format!("{{\"alg\":\"ES256\",\"kid\":\"junk{round}\"}}");
        let junk = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(kid));
        assert_eq!(world.with_token(&junk, None, Operation::Search).await, "unknown_kid");
        // New claims, so that nothing but the key can be remembered.
        let known = provider.token("k", json!({ "jti": round }));
        if round % 50 == 0 {
            assert_eq!(world.with_token(&known, None, Operation::Search).await, "ok");
        }
    }
    assert_eq!(provider.fetches().await, 1, "one fetch for a thousand unknown keys");
    assert_eq!(
        world.gateway.jwks_status().unwrap().error.as_deref(),
        Some("it answered 500 Internal Server Error")
    );

    // The provider is back with another key: the next unknown kid after the cooldown finds it.
    provider.publish(&["new"]).await;
    let fresh = provider.token("new", json!({}));
    assert_eq!(world.with_token(&fresh, None, Operation::Search).await, "unknown_kid");
    world.clock.advance_ms(30_000);
    assert_eq!(world.with_token(&fresh, None, Operation::Search).await, "ok");
    assert_eq!(world.with_token(&known, None, Operation::Search).await, "unknown_kid", "the old key is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_new_keys_are_fetched_waits_for_them() {
    let provider = Provider::new(&["k", "new"]).await;
    provider.publish(&["k"]).await;
    let world = Arc::new(provider.world().await);
    let acme = world.tenant("acme").await;
    world.join(&acme.id, "ann", Role::Member).await;
    assert_eq!(world.with_token(&provider.token("k", json!({})), None, Operation::Search).await, "ok");
    let keys: Vec<_> = provider.keys.iter().map(jwk).collect();
    let slow = ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }));
    provider.serve(slow.set_delay(Duration::from_millis(300))).await;
    world.clock.advance_ms(30_000);
    let asking: Vec<_> = (0..100)
        .map(|n| {
            let (world, token) = (Arc::clone(&world), provider.token("new", json!({ "jti": n })));
            tokio::spawn(async move { world.with_token(&token, None, Operation::Search).await })
        })
        .collect();
    for task in asking {
        assert_eq!(task.await.unwrap(), "ok");
    }
    assert_eq!(provider.fetches().await, 1);
}

#[tokio::test]
async fn keys_are_believed_for_a_day_and_no_longer() {
    let provider = Provider::new(&["k"]).await;
    let world = provider.world().await;
    let acme = world.tenant("acme").await;
    world.join(&acme.id, "ann", Role::Member).await;
    let token = provider.token("k", json!({ "exp": START_MS / 1_000 + 1_000_000 }));
    assert_eq!(world.with_token(&token, None, Operation::Search).await, "ok");
    provider.serve(ResponseTemplate::new(503)).await;
    world.clock.advance_ms(24 * 3_600_000 - 1);
    assert_eq!(world.with_token(&token, None, Operation::Search).await, "ok");
    world.clock.advance_ms(1);
    assert_eq!(world.with_token(&token, None, Operation::Search).await, "unavailable");
}

#[tokio::test]
async fn what_is_no_key_set_changes_nothing() {
    let provider = Provider::new(&["k"]).await;
    let world = provider.world().await;
    let acme = world.tenant("acme").await;
    world.join(&acme.id, "ann", Role::Member).await;
    let token = |n: u32| provider.token("k", json!({ "jti": n }));
    assert_eq!(world.with_token(&token(0), None, Operation::Search).await, "ok");
    let huge = json!({ "keys": [], "padding": "x".repeat(70_000) });
    for (n, bad) in [
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_json(json!({ "keys": [] })),
        ResponseTemplate::new(200).set_body_json(huge),
        ResponseTemplate::new(302).insert_header("Location", "http://127.0.0.1:1/jwks"),
        ResponseTemplate::new(200).set_delay(Duration::from_secs(10)),
    ]
    .into_iter()
    .enumerate()
    {
        provider.serve(bad).await;
        let status = world.gateway.refresh_jwks().await.unwrap();
        assert!(status.error.is_some() && status.keys == 1, "{status:?}");
        assert_eq!(world.with_token(&token(n as u32 + 1), None, Operation::Search).await, "ok");
    }
    provider.publish(&["k"]).await;
    assert_eq!(world.gateway.refresh_jwks().await.unwrap().error, None);
}

#[tokio::test]
async fn without_a_provider_tokens_are_not_taken_and_without_its_keys_nobody_is_judged() {
    let provider = Provider::new(&["k"]).await;
    let token = provider.token("k", json!({}));
    let world = World::new().await;
    assert_eq!(world.with_token(&token, None, Operation::Search).await, "tokens_not_taken");
    assert_eq!(world.gateway.jwks_status(), None);
    provider.serve(ResponseTemplate::new(500)).await;
    let world = provider.world().await;
    assert_eq!(world.with_token(&token, None, Operation::Search).await, "unavailable");
}
