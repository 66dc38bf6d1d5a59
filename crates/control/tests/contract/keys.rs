//! API keys: stored, found, revoked, touched.

use control::{Actor, Change, ControlError, KeyOwner, NewApiKey};
use jiff::{SignedDuration, Timestamp};
use stdx::clock::Clock;
use tenancy::Scopes;

use crate::{Plane, contract, taken};

contract! {
    a_key_reads_back_by_its_prefix_and_only_there_with_its_hash,
    a_taken_prefix_is_a_conflict_and_a_deleted_tenant_gets_no_key,
    a_key_is_revoked_once_and_the_first_time_stays,
    the_last_use_never_goes_back,
    a_rotated_key_overlaps_its_successor_and_is_rotated_once,
    a_key_is_rehashed_once_and_followers_hear_of_it,
}

pub(crate) fn new_key(owner: KeyOwner, prefix: &str) -> NewApiKey {
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

async fn a_key_reads_back_by_its_prefix_and_only_there_with_its_hash(plane: Plane) {
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

async fn a_taken_prefix_is_a_conflict_and_a_deleted_tenant_gets_no_key(plane: Plane) {
    let tenant = plane.tenant("acme").await;
    let owner = KeyOwner::Tenant(tenant.id.clone());
    let by = Actor::local();
    plane.control.insert_api_key(new_key(owner.clone(), "p"), &by).await.unwrap();
    let error = plane.control.insert_api_key(new_key(owner.clone(), "p"), &by).await.unwrap_err();
    assert!(matches!(error, ControlError::Conflict { .. }), "{error}");
    plane.control.delete_tenant(&tenant.slug, &by).await.unwrap();
    let error = plane.control.insert_api_key(new_key(owner, "q"), &by).await.unwrap_err();
    assert!(matches!(error, ControlError::NotFound { .. }), "{error}");
    let keys = plane.control.list_api_keys(None).await.unwrap();
    assert!(keys.iter().all(|key| key.revoked_at.is_some()), "deleting revokes");
}

async fn a_key_is_revoked_once_and_the_first_time_stays(plane: Plane) {
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

async fn the_last_use_never_goes_back(plane: Plane) {
    let key = plane.control.insert_api_key(new_key(KeyOwner::Operator, "p"), &Actor::local()).await.unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    for (used, want) in [(500, 500), (900, 900), (700, 900)] {
        let uses = vec![(key.id.clone(), at(used)), ("key_unknown".to_owned(), at(used))];
        plane.control.touch_api_keys(uses).await.unwrap();
        let stored = plane.control.api_key_by_prefix("p").await.unwrap().unwrap();
        assert_eq!(stored.key.last_used_at, Some(at(want)));
    }
}

async fn a_rotated_key_overlaps_its_successor_and_is_rotated_once(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    let tenant = plane.tenant("acme").await;
    let owner = KeyOwner::Tenant(tenant.id.clone());
    let old = control.insert_api_key(new_key(owner.clone(), "old"), &by).await.unwrap();
    let until = plane.clock.now() + SignedDuration::from_hours(24);
    let new = control.rotate_api_key(&old.id, new_key(owner.clone(), "new"), until, &by).await.unwrap();
    let kept = control.api_key(&old.id).await.unwrap().unwrap();
    assert_eq!((kept.expires_at, kept.rotated_to.as_deref()), (Some(until), Some(new.id.as_str())));
    let again = control.rotate_api_key(&old.id, new_key(owner.clone(), "more"), until, &by).await;
    assert!(matches!(again, Err(ControlError::Conflict { .. })));
    let foreign = control.rotate_api_key(&new.id, new_key(KeyOwner::Operator, "op"), until, &by).await;
    assert!(matches!(foreign, Err(ControlError::Invalid(_))));
    assert!(matches!(
        control.rotate_api_key("key_none", new_key(owner.clone(), "x"), until, &by).await,
        Err(ControlError::NotFound { .. })
    ));
    // An expiry that comes first stays.
    let soon = plane.clock.now() + SignedDuration::from_hours(1);
    let short = NewApiKey { expires_at: Some(soon), ..new_key(owner.clone(), "short") };
    let short = control.insert_api_key(short, &by).await.unwrap();
    control.rotate_api_key(&short.id, new_key(owner, "long"), until, &by).await.unwrap();
    assert_eq!(control.api_key(&short.id).await.unwrap().unwrap().expires_at, Some(soon));
}

async fn a_key_is_rehashed_once_and_followers_hear_of_it(plane: Plane) {
    let key = plane.control.insert_api_key(new_key(KeyOwner::Operator, "p"), &Actor::local()).await.unwrap();
    let version = plane.control.api_key_by_prefix("p").await.unwrap().unwrap().pepper_version;
    let mut changes = plane.control.changes();
    let logged = plane.log().await.len();
    for want in [true, false] {
        let replaced = plane.control.rehash_api_key(&key.id, version, [9; 32], version + 1).await.unwrap();
        assert_eq!(replaced, want);
    }
    let stored = plane.control.api_key_by_prefix("p").await.unwrap().unwrap();
    assert_eq!((stored.hash, stored.pepper_version), ([9; 32], version + 1));
    assert_eq!(crate::taken(&mut changes), [Change::ApiKey { prefix: "p".into() }]);
    assert_eq!(plane.log().await.len(), logged);
}
