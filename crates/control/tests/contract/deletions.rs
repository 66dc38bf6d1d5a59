//! Tenants on their way out.

use control::{Actor, ControlError, KeyOwner, NewInvite};
use jiff::SignedDuration;
use serde_json::json;
use stdx::clock::Clock;
use tenancy::{Role, TenantStatus};

use crate::keys::new_key;
use crate::{Plane, contract, slug};

contract! {
    a_deletion_stops_everything_at_once_and_ends_in_a_receipt,
    a_slug_leads_to_its_newest_deletion,
    a_tenant_may_be_deleted_while_its_keys_rotate_and_its_guests_arrive,
}

async fn a_deletion_stops_everything_at_once_and_ends_in_a_receipt(plane: Plane) {
    let (control, by) = (&plane.control, Actor::key("key_1"));
    let acme = plane.tenant("acme").await;
    control.insert_api_key(new_key(KeyOwner::Tenant(acme.id.clone()), "p"), &by).await.unwrap();
    let asked = control.delete_tenant(&acme.slug, &by).await.unwrap();
    assert_eq!(asked.steps["stop_traffic"]["keys_revoked"], 1);
    assert_eq!(control.tenant_by_id(&acme.id).await.unwrap().unwrap().status, TenantStatus::Deleted);
    assert!(matches!(control.delete_tenant(&acme.slug, &by).await, Err(ControlError::NotFound { .. })));
    assert_eq!(control.unfinished_deletions().await.unwrap(), std::slice::from_ref(&asked));

    let failed = control.note_deletion_failure(&acme.id, "the disk says no").await.unwrap();
    assert_eq!((failed.attempts, failed.last_error.as_deref()), (1, Some("the disk says no")));
    for bytes in [0, 4_096] {
        control.note_deletion_step(&acme.id, "remove_files", json!({ "bytes": bytes })).await.unwrap();
    }
    let ended = control.finish_deletion(&acme.id, &Actor::system()).await.unwrap();
    assert_eq!((&ended.steps["remove_files"]["bytes"], &ended.last_error), (&json!(4_096), &None));
    assert!(ended.finished_at.is_some() && control.unfinished_deletions().await.unwrap().is_empty());
    plane.clock.advance_ms(1);
    assert_eq!(control.finish_deletion(&acme.id, &Actor::system()).await.unwrap(), ended);
    assert_eq!(control.deletion(&acme.id).await.unwrap(), Some(ended.clone()));

    let receipts: Vec<_> =
        plane.log().await.into_iter().filter(|r| r.action == "finish_tenant_deletion").collect();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].details["steps"]["remove_files"]["bytes"], 4_096);
    assert_eq!(receipts[0].details["requested_by"], "key:key_1");
}

async fn a_slug_leads_to_its_newest_deletion(plane: Plane) {
    let by = Actor::local();
    let mut last = None;
    for _ in 0..2 {
        plane.clock.advance_ms(1);
        let tenant = plane.tenant("acme").await;
        last = Some(plane.control.delete_tenant(&tenant.slug, &by).await.unwrap());
    }
    assert_eq!(plane.control.deletion_by_slug(&slug("acme")).await.unwrap(), last);
    assert_eq!(plane.control.deletion_by_slug(&slug("ghost")).await.unwrap(), None);
}

async fn a_tenant_may_be_deleted_while_its_keys_rotate_and_its_guests_arrive(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    let later = plane.clock.now() + SignedDuration::from_hours(1);
    for round in 0..20_u8 {
        let tenant = plane.tenant(&format!("acme-{round}")).await;
        let owner = KeyOwner::Tenant(tenant.id.clone());
        let old = control.insert_api_key(new_key(owner.clone(), &format!("old{round}")), &by).await.unwrap();
        let invite = NewInvite {
            tenant_id: tenant.id.clone(),
            email: None,
            role: Role::Member,
            token_hash: [round; 32],
            expires_at: later,
        };
        control.create_invite(invite, &by).await.unwrap();
        let token = [round; 32];
        let (deleted, rotated, joined) = tokio::join!(
            control.delete_tenant(&tenant.slug, &by),
            control.rotate_api_key(&old.id, new_key(owner, &format!("new{round}")), later, &by),
            control.accept_invite(&token, "ann", None, &by)
        );
        deleted.unwrap();
        let late = [rotated.err(), joined.err()];
        assert!(!late.iter().flatten().any(ControlError::is_unavailable), "{late:?}");
        assert_eq!(control.list_members(&tenant.id).await.unwrap(), []);
        let keys = control.list_api_keys(Some(&tenant.id)).await.unwrap();
        assert!(keys.iter().all(|key| key.revoked_at.is_some()), "{keys:?}");
    }
}
