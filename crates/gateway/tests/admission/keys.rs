//! API keys at the door.

use control::{Actor, ControlError, KeyOwner};
use gateway::{AuthFailure, Credentials, NewKey, Refusal};
use jiff::Timestamp;
use stdx::clock::Clock;
use tenancy::{Operation, Scope, Scopes, TenantKind};

use crate::{World, outcome, with_key};

async fn reason(world: &World, key: &str) -> &'static str {
    match world.gateway.authenticate(&with_key(key)).await {
        Err(Refusal::Unauthenticated { reason }) => reason.name(),
        Err(other) => other.code(),
        Ok(_) => "ok",
    }
}

#[tokio::test]
async fn a_key_opens_by_either_header_but_not_by_both() {
    let world = World::new().await;
    let (tenant, issued) = world.tenant_key("acme").await;
    for header in [format!("Bearer {}", issued.key), format!("token {}", issued.key)] {
        let credentials = Credentials { authorization: Some(&header), x_api_key: None, ..with_key("") };
        let pass = world.admit(&credentials, Operation::Search).await.unwrap();
        assert_eq!((pass.tenant(), pass.slug(), pass.scopes()), (&tenant.id, &tenant.slug, Scopes::DEFAULT));
    }
    assert_eq!(world.search(&issued.key).await, "ok");
    let bearer = format!("Bearer {}", issued.key);
    let both = Credentials { authorization: Some(&bearer), ..with_key(&issued.key) };
    let refusal = world.admit(&both, Operation::Search).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("conflicting_credentials", 400));
    let none = Credentials { x_api_key: None, ..with_key("") };
    let refusal = world.admit(&none, Operation::Search).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("unauthorized", 401));
    assert!(refusal.to_string().contains("X-API-Key: eng_"));
}

#[tokio::test]
async fn keys_that_do_not_hold_are_refused_by_reason() {
    let world = World::new().await;
    let (_, issued) = world.tenant_key("acme").await;
    let (_, other) = World::new().await.tenant_key("acme").await;
    let typo = format!("{}{}", &issued.key[..20], "x".repeat(issued.key.len() - 20));
    assert_eq!(reason(&world, "").await, "malformed");
    assert_eq!(reason(&world, "sk-something").await, "malformed");
    assert_eq!(reason(&world, &typo).await, "bad_checksum");
    assert_eq!(reason(&world, &other.key).await, "unknown_key");
    assert_eq!(reason(&world, &issued.key).await, "ok");
    let texts = [AuthFailure::UnknownKey, AuthFailure::WrongSecret].map(|r| Refusal::from(r).to_string());
    assert_eq!(texts[0], texts[1], "whoever guesses learns nothing");
}

#[tokio::test]
async fn a_known_prefix_with_another_secret_is_refused() {
    let world = World::new().await;
    let (tenant, issued) = world.tenant_key("acme").await;
    let (_, foreign) = World::new().await.tenant_key("acme").await;
    // As if somebody had guessed the stored part: the same prefix, another hash.
    let mut stored = world.control.api_key_by_prefix(&issued.record.prefix).await.unwrap().unwrap();
    stored.hash[0] ^= 1;
    let twin = control::NewApiKey {
        owner: KeyOwner::Tenant(tenant.id),
        prefix: foreign.record.prefix.clone(),
        hash: stored.hash,
        pepper_version: stored.pepper_version,
        scopes: Scopes::ALL,
        name: "twin".to_owned(),
        expires_at: None,
    };
    world.control.insert_api_key(twin, &world.by).await.unwrap();
    assert_eq!(reason(&world, &foreign.key).await, "wrong_secret");
}

#[tokio::test]
async fn a_key_expires_to_the_millisecond_even_when_it_is_remembered() {
    let world = World::new().await;
    let tenant = world.tenant("acme").await;
    let expires_at = Timestamp::from_millisecond(world.clock.now_ms() + 5_000).unwrap();
    let new = NewKey {
        owner: KeyOwner::Tenant(tenant.id),
        scopes: Scopes::DEFAULT,
        name: "short".to_owned(),
        expires_at: Some(expires_at),
    };
    let issued = world.gateway.issue_key(new, &world.by).await.unwrap();
    world.clock.advance_ms(4_999);
    assert_eq!(reason(&world, &issued.key).await, "ok");
    world.clock.advance_ms(1);
    assert_eq!(reason(&world, &issued.key).await, "expired");
}

#[tokio::test]
async fn each_operation_needs_its_scope() {
    let world = World::new().await;
    let tenant = world.tenant("acme").await;
    for scope in Scope::ALL {
        let key = world.key(KeyOwner::Tenant(tenant.id.clone()), [scope].into_iter().collect()).await;
        for operation in Operation::ALL {
            let want =
                if operation.scope().is_none_or(|needed| needed == scope) { "ok" } else { "forbidden" };
            let got = outcome(world.admit(&with_key(&key.key), operation).await);
            assert_eq!(got, want, "{operation:?} with {scope}");
        }
    }
    let key = world.key(KeyOwner::Tenant(tenant.id), Scopes::NONE).await;
    let refusal = world.admit(&with_key(&key.key), Operation::CreateMemory).await.unwrap_err();
    assert_eq!(refusal.details()["scope"], "memories:write");
    assert!(refusal.to_string().contains("memories:write"));
}

#[tokio::test]
async fn the_first_letters_say_what_a_key_is_for() {
    let world = World::new().await;
    let (_, live) = world.tenant_key("acme").await;
    let sandbox = world.tenant_on("sandbox", "unlimited", TenantKind::Test).await;
    let test = world.key(KeyOwner::Tenant(sandbox.id), Scopes::DEFAULT).await;
    let operator = world.key(KeyOwner::Operator, Scopes::NONE).await;
    for (issued, first_letters) in [(&live, "eng_live_"), (&test, "eng_test_"), (&operator, "eng_op_")] {
        assert!(issued.key.starts_with(first_letters));
        assert!(issued.key.starts_with(&issued.record.prefix));
        assert!(!format!("{issued:?}").contains(&issued.key), "a key is never in a debug text");
    }
    assert_eq!(world.search(&test.key).await, "ok");
    assert_eq!(world.search(&operator.key).await, "forbidden");
}

#[tokio::test]
async fn operators_pass_where_tenants_do_not() {
    let world = World::new().await;
    let (_, tenant) = world.tenant_key("acme").await;
    let operator = world.key(KeyOwner::Operator, Scopes::NONE).await;
    let pass = world.gateway.admit_operator(&with_key(&operator.key)).await.unwrap();
    assert_eq!(pass.actor().name(), format!("key:{}", operator.record.id));
    assert_eq!(pass.actor(), Actor::key(&operator.record.id).from_address("127.0.0.1"));
    let pass = world.gateway.admit_operator(&Credentials::local(None)).await.unwrap();
    assert_eq!(pass.actor().name(), "local");
    let refusal = world.gateway.admit_operator(&with_key(&tenant.key)).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("forbidden", 403));
    let refusal = world.gateway.admit_operator(&with_key("nonsense")).await.unwrap_err();
    assert_eq!(refusal.code(), "unauthorized");
}

#[tokio::test]
async fn a_key_for_nobody_is_not_made() {
    let world = World::new().await;
    let elsewhere = World::new().await.tenant("ghost").await;
    let new = NewKey {
        owner: KeyOwner::Tenant(elsewhere.id),
        scopes: Scopes::DEFAULT,
        name: String::new(),
        expires_at: None,
    };
    let error = world.gateway.issue_key(new, &world.by).await.unwrap_err();
    assert!(matches!(error, ControlError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn the_last_use_is_written_once_a_minute() {
    let world = World::new().await;
    let (_, issued) = world.tenant_key("acme").await;
    let written = async || {
        world.gateway.write_last_uses().await;
        let stored = world.control.api_key_by_prefix(&issued.record.prefix).await.unwrap().unwrap();
        stored.key.last_used_at
    };
    assert_eq!(written().await, None);
    let first = world.clock.now();
    world.search(&issued.key).await;
    assert_eq!(written().await, Some(first));
    world.clock.advance_ms(59_000);
    world.search(&issued.key).await;
    assert_eq!(written().await, Some(first));
    world.clock.advance_ms(1_000);
    world.search(&issued.key).await;
    assert_eq!(written().await, Some(world.clock.now()));
}
