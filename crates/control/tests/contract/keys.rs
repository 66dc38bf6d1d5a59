//! API keys: stored, found, revoked, touched.

use control::{Actor, Change, ControlError, KeyOwner, NewApiKey};
use jiff::Timestamp;
use tenancy::{Scopes, TenantStatus};

use crate::{plane, taken};

fn new_key(owner: KeyOwner, prefix: &str) -> NewApiKey {
    NewApiKey {
        owner,
        prefix: prefix.to_owned(),
        hash: [7; 32],
        pepper_version: 3,
        scopes: Scopes::DEFAULT,
        name: "laptop".to_owned(),
        expires_at: Some(Timestamp::from_second(2_000_000_000).unwrap()),
    }
}

#[tokio::test]
async fn a_key_reads_back_by_its_prefix_and_only_there_with_its_hash() {
    let plane = plane().await;
    let tenant = plane.tenant("acme").await;
    let owner = KeyOwner::Tenant(tenant.id.clone());
    let made =
        plane.control.insert_api_key(new_key(owner, "eng_live_aaaaaaaa"), &Actor::local()).await.unwrap();
    assert!(made.id.starts_with("key_") && made.id.len() == 36);
    let found = plane.control.api_key_by_prefix("eng_live_aaaaaaaa").await.unwrap().unwrap();
    assert_eq!((&found.key, found.hash, found.pepper_version), (&made, [7; 32], 3));
    assert!(plane.control.api_key_by_prefix("eng_live_bbbbbbbb").await.unwrap().is_none());

    plane
        .control
        .insert_api_key(new_key(KeyOwner::Operator, "eng_op_cccccccc"), &Actor::local())
        .await
        .unwrap();
    assert_eq!(plane.control.list_api_keys(Some(&tenant.id)).await.unwrap(), [made]);
    assert_eq!(plane.control.list_api_keys(None).await.unwrap().len(), 2);
    let log = plane.audited().await.join("\n");
    assert!(log.contains("create_api_key") && !log.contains("hash"), "{log}");
}

#[tokio::test]
async fn a_taken_prefix_is_a_conflict_and_a_deleted_tenant_gets_no_key() {
    let plane = plane().await;
    let tenant = plane.tenant("acme").await;
    let owner = KeyOwner::Tenant(tenant.id.clone());
    let by = Actor::local();
    plane.control.insert_api_key(new_key(owner.clone(), "p"), &by).await.unwrap();
    let error = plane.control.insert_api_key(new_key(owner.clone(), "p"), &by).await.unwrap_err();
    assert!(matches!(error, ControlError::Conflict { .. }), "{error}");
    plane.control.set_tenant_status(&tenant.slug, TenantStatus::Deleted, &by).await.unwrap();
    let error = plane.control.insert_api_key(new_key(owner, "q"), &by).await.unwrap_err();
    assert!(matches!(error, ControlError::NotFound { .. }), "{error}");
    let keys = plane.control.list_api_keys(None).await.unwrap();
    assert!(keys.iter().all(|key| key.revoked_at.is_some()), "deleting revokes");
}

#[tokio::test]
async fn a_key_is_revoked_once_and_the_first_time_stays() {
    let plane = plane().await;
    let mut changes = plane.control.changes();
    let by = Actor::local();
    let key = plane.control.insert_api_key(new_key(KeyOwner::Operator, "p"), &by).await.unwrap();
    plane.clock.advance_ms(1_000);
    let revoked = plane.control.revoke_api_key(&key.id, &by).await.unwrap();
    plane.clock.advance_ms(1_000);
    let again = plane.control.revoke_api_key(&key.id, &by).await.unwrap();
    assert_eq!(revoked, again);
    assert_eq!(revoked.revoked_at.unwrap().duration_since(key.created_at).as_secs(), 1);
    assert_eq!(taken(&mut changes), vec![Change::ApiKey { prefix: "p".to_owned() }; 2]);
    assert!(matches!(plane.control.revoke_api_key("key_x", &by).await, Err(ControlError::NotFound { .. })));
}

#[tokio::test]
async fn the_last_use_never_goes_back() {
    let plane = plane().await;
    let key = plane.control.insert_api_key(new_key(KeyOwner::Operator, "p"), &Actor::local()).await.unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    for (used, want) in [(500, 500), (900, 900), (700, 900)] {
        let uses = vec![(key.id.clone(), at(used)), ("key_unknown".to_owned(), at(used))];
        plane.control.touch_api_keys(uses).await.unwrap();
        let stored = plane.control.api_key_by_prefix("p").await.unwrap().unwrap();
        assert_eq!(stored.key.last_used_at, Some(at(want)));
    }
}
