//! Keys that are replaced, and peppers that are.

use control::{ControlError, KeyOwner};
use gateway::{GatewayOptions, NewKey, Peppers};
use jiff::{SignedDuration, Timestamp};
use stdx::clock::Clock;
use tenancy::Scopes;

use crate::{World, with_key};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test]
async fn both_keys_open_until_the_overlap_is_over() {
    let world = World::new().await;
    let (acme, old) = world.tenant_key("acme").await;
    let new = world.gateway.rotate_key(&old.record.id, HOUR, &world.by).await.unwrap();
    assert_eq!((&new.record.name, new.record.scopes), (&old.record.name, old.record.scopes));
    assert_eq!(new.record.owner, KeyOwner::Tenant(acme.id));
    for (advance_ms, want_old) in [(0, "ok"), (3_599_999, "ok"), (1, "unauthorized")] {
        world.clock.advance_ms(advance_ms);
        let got = (world.search(&old.key).await, world.search(&new.key).await);
        assert_eq!(got, (want_old, "ok"), "{advance_ms}");
    }
}

#[tokio::test]
async fn without_an_overlap_the_old_key_ends_with_the_request() {
    let world = World::new().await;
    let (_, old) = world.tenant_key("acme").await;
    assert_eq!(world.search(&old.key).await, "ok");
    let new = world.gateway.rotate_key(&old.record.id, SignedDuration::ZERO, &world.by).await.unwrap();
    assert_eq!((world.search(&old.key).await, world.search(&new.key).await), ("unauthorized", "ok"));
}

#[tokio::test]
async fn an_overlap_never_lengthens_a_life_and_the_new_key_has_as_long_a_one() {
    let world = World::new().await;
    let tenant = world.tenant("acme").await;
    let at = |ms: i64| Some(Timestamp::from_millisecond(world.clock.now_ms() + ms).unwrap());
    let new = NewKey {
        owner: KeyOwner::Tenant(tenant.id.clone()),
        scopes: Scopes::DEFAULT,
        name: "short".to_owned(),
        expires_at: at(60_000),
    };
    let old = world.gateway.issue_key(new, &world.by).await.unwrap();
    world.clock.advance_ms(50_000);
    let new = world.gateway.rotate_key(&old.record.id, HOUR, &world.by).await.unwrap();
    assert_eq!(new.record.expires_at, at(60_000));
    world.clock.advance_ms(10_000);
    assert_eq!((world.search(&old.key).await, world.search(&new.key).await), ("unauthorized", "ok"));
}

#[tokio::test]
async fn a_key_is_rotated_once_and_while_it_opens() {
    let world = World::new().await;
    let (acme, rotated) = world.tenant_key("acme").await;
    world.gateway.rotate_key(&rotated.record.id, HOUR, &world.by).await.unwrap();
    let revoked = world.key(KeyOwner::Tenant(acme.id), Scopes::DEFAULT).await;
    world.control.revoke_api_key(&revoked.record.id, &world.by).await.unwrap();
    for id in [&rotated.record.id, &revoked.record.id] {
        let error = world.gateway.rotate_key(id, HOUR, &world.by).await.unwrap_err();
        assert!(matches!(error, ControlError::Conflict { .. }), "{error}");
    }
    let error = world.gateway.rotate_key("key_nobody", HOUR, &world.by).await.unwrap_err();
    assert!(matches!(error, ControlError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_pepper_is_retired_once_its_keys_were_used() {
    let world = World::new().await;
    let (_, used) = world.tenant_key("acme").await;
    let (_, idle) = world.tenant_key("idle").await;
    let first = std::fs::read_to_string(world.folder.path().join("control/pepper")).unwrap();
    let second = format!("2 {}", "c5".repeat(32));
    let both = Peppers::parse(&format!("{first}{second}")).unwrap();
    let gateway = world.gateway_with(both, GatewayOptions::default());
    let version =
        async |prefix: &str| world.control.api_key_by_prefix(prefix).await.unwrap().unwrap().pepper_version;
    for _ in 0..2 {
        gateway.authenticate(&with_key(&used.key)).await.unwrap();
        gateway.write_rehashes().await;
        assert_eq!(version(&used.record.prefix).await, 2);
    }
    assert_eq!(version(&idle.record.prefix).await, 1);

    let gateway = world.gateway_with(Peppers::parse(&second).unwrap(), GatewayOptions::default());
    gateway.authenticate(&with_key(&used.key)).await.unwrap();
    let refusal = gateway.authenticate(&with_key(&idle.key)).await.unwrap_err();
    assert_eq!(refusal.code(), "unavailable", "a missing pepper is our fault, not the caller's");
}
