//! Backups, their keys, erasures, restores and rehearsals.

use control::{Actor, Backup, NewRestore, RestoreTest, WrappedBackupKey};
use jiff::Timestamp;
use serde_json::json;
use tenancy::TenantId;

use crate::{Plane, START_MS, contract};

contract! {
    a_backup_is_on_record_once_until_it_is_forgotten,
    the_newest_and_the_newest_proven_backup_of_everybody_are_found,
    a_key_stands_until_it_is_destroyed_for_ever,
    keys_are_wrapped_anew_by_whoever_comes_first,
    erasures_stay_on_record_and_are_done_once,
    a_restore_ends_once,
    rehearsals_are_listed_and_the_last_passed_is_known,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(START_MS + seconds * 1_000).unwrap()
}

pub(crate) fn backup(tenant: &TenantId, name: &str, seconds: i64) -> Backup {
    Backup {
        id: format!("bkp_{name}"),
        tenant_id: tenant.clone(),
        created_at: at(seconds),
        reason: "scheduled".into(),
        schema_version: 3,
        object_key: format!("tenants/{tenant}/db/{name}"),
        size_bytes: 100,
        sha256: "ab".into(),
        plain_bytes: 1_000,
        memories: 7,
        ids_handed_out: 9,
        source_stamp: Some("4096@1".into()),
        verified_at: None,
    }
}

async fn a_backup_is_on_record_once_until_it_is_forgotten(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    let (acme, other) = (plane.tenant("acme").await, plane.tenant("other").await);
    let (first, second) = (backup(&acme.id, "1", 1), backup(&acme.id, "2", 2));
    for backup in [&first, &second, &first] {
        control.record_backup(backup, &by).await.unwrap();
    }
    control.record_backup(&backup(&other.id, "3", 3), &by).await.unwrap();
    assert_eq!(control.backups(&acme.id).await.unwrap(), [second.clone(), first.clone()]);
    control.forget_backup(&second, &by).await.unwrap();
    control.forget_backup(&second, &by).await.unwrap();
    assert_eq!(control.backups(&acme.id).await.unwrap(), [first]);
    let actions: Vec<_> =
        plane.log().await.into_iter().rev().skip(2).map(|row| row.action.to_string()).collect();
    assert_eq!(actions, ["create_backup", "create_backup", "create_backup", "remove_backup"]);
}

async fn the_newest_and_the_newest_proven_backup_of_everybody_are_found(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    let (acme, other) = (plane.tenant("acme").await, plane.tenant("other").await);
    for (tenant, name, seconds) in [(&acme, "1", 1), (&acme, "2", 2), (&acme, "3", 3), (&other, "4", 4)] {
        control.record_backup(&backup(&tenant.id, name, seconds), &by).await.unwrap();
    }
    control.record_restore_test(&test(&acme.id, "t", "bkp_2", true, 9)).await.unwrap();
    let mut found: Vec<_> = control.newest_backups().await.unwrap().into_iter().map(|b| b.id).collect();
    found.sort();
    assert_eq!(found, ["bkp_2", "bkp_3", "bkp_4"]);
    for (tenants, wanted) in [
        (&[acme.id.clone()][..], &["bkp_3", "bkp_2"][..]),
        (std::slice::from_ref(&other.id), &["bkp_4"]),
        (&[], &[]),
    ] {
        let found = control.newest_backups_of(tenants).await.unwrap();
        assert_eq!(found.into_iter().map(|b| b.id).collect::<Vec<_>>(), wanted);
    }
}

pub(crate) fn wrapped(operator_key: &str, sealed: &str) -> WrappedBackupKey {
    WrappedBackupKey { operator_key: operator_key.into(), sealed: sealed.into() }
}

async fn a_key_stands_until_it_is_destroyed_for_ever(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    assert_eq!(control.backup_key("ten_1").await.unwrap(), None);
    let stands = control.put_backup_key("ten_1", &wrapped("op1", "aa")).await.unwrap();
    assert_eq!(stands.wrapped, Some(wrapped("op1", "aa")));
    assert_eq!(control.put_backup_key("ten_1", &wrapped("op1", "bb")).await.unwrap(), stands);
    for subject in ["ten_1", "ten_1", "ten_never"] {
        control.destroy_backup_key(subject, &by).await.unwrap();
        assert_eq!(control.put_backup_key(subject, &wrapped("op1", "cc")).await.unwrap().wrapped, None);
        assert_eq!(control.backup_key(subject).await.unwrap().unwrap().wrapped, None);
    }
    let destroyed = plane.log().await.into_iter().filter(|row| row.action == "destroy_backup_key");
    assert_eq!(destroyed.count(), 2);
}

async fn keys_are_wrapped_anew_by_whoever_comes_first(plane: Plane) {
    let control = &plane.control;
    let (old, new) = (wrapped("op1", "aa"), wrapped("op2", "bb"));
    for subject in ["ten_1", "ten_2"] {
        control.put_backup_key(subject, &old).await.unwrap();
    }
    control.destroy_backup_key("ten_2", &Actor::local()).await.unwrap();
    let others: Vec<_> =
        control.backup_keys_not_of("op2").await.unwrap().into_iter().map(|k| k.subject).collect();
    assert_eq!(others, ["ten_1"]);
    assert!(control.rewrap_backup_key("ten_1", &old, &new).await.unwrap());
    assert!(!control.rewrap_backup_key("ten_1", &old, &wrapped("op3", "cc")).await.unwrap());
    assert!(!control.rewrap_backup_key("ten_2", &old, &new).await.unwrap());
    assert_eq!(control.backup_key("ten_1").await.unwrap().unwrap().wrapped, Some(new));
    assert_eq!(control.backup_keys_not_of("op2").await.unwrap(), []);
}

async fn erasures_stay_on_record_and_are_done_once(plane: Plane) {
    let (control, by) = (&plane.control, Actor::key("key_1"));
    let acme = plane.tenant("acme").await;
    control.request_erasures(&acme.id, &[(3, "x".into()), (1, "y".into())], &by).await.unwrap();
    control.request_erasures(&acme.id, &[(3, "other".into())], &by).await.unwrap();
    let all = control.erasures(&acme.id).await.unwrap();
    let shown: Vec<_> = all.iter().map(|e| (e.memory_id, e.content_hash.as_str(), e.done_at)).collect();
    assert_eq!(shown, [(1, "y", None), (3, "x", None)]);
    assert_eq!(control.unfinished_erasures().await.unwrap().len(), 2);
    control.finish_erasures(&acme.id, &[1]).await.unwrap();
    let done = control.erasures(&acme.id).await.unwrap()[0].done_at;
    plane.clock.advance_ms(1_000);
    control.finish_erasures(&acme.id, &[1, 3, 99]).await.unwrap();
    assert_eq!(control.erasures(&acme.id).await.unwrap()[0].done_at, done);
    assert_eq!(control.unfinished_erasures().await.unwrap(), []);
}

async fn a_restore_ends_once(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    let acme = plane.tenant("acme").await;
    let new = NewRestore {
        id: "rst_1".into(),
        tenant_id: acme.id.clone(),
        source_tenant_id: acme.id.clone(),
        backup_id: Some("bkp_1".into()),
        node: "node-a".into(),
    };
    control.begin_restore(&new, &by).await.unwrap();
    let running = control.restores(&acme.id).await.unwrap();
    assert_eq!((&running[0].asked, &running[0].ended), (&new, &None));
    assert_eq!(control.unfinished_restores("node-a").await.unwrap(), running);
    assert_eq!(control.unfinished_restores("node-b").await.unwrap(), []);
    control.finish_restore(&new, &Ok(json!({"memories": 7})), &by).await.unwrap();
    control.finish_restore(&new, &Err("too late".into()), &by).await.unwrap();
    let ended = control.restores(&acme.id).await.unwrap().remove(0).ended.unwrap();
    assert_eq!(ended.outcome, Ok(json!({"memories": 7})));
    assert_eq!(control.unfinished_restores("node-a").await.unwrap(), []);
}

pub(crate) fn test(tenant: &TenantId, id: &str, backup: &str, passed: bool, seconds: i64) -> RestoreTest {
    RestoreTest {
        id: id.into(),
        run_id: "run".into(),
        tenant_id: tenant.clone(),
        backup_id: backup.into(),
        passed,
        checks: json!([{"name": "rows", "status": "passed", "detail": "7"}]),
        started_at: at(seconds - 1),
        finished_at: at(seconds),
    }
}

async fn rehearsals_are_listed_and_the_last_passed_is_known(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    let (acme, other) = (plane.tenant("acme").await, plane.tenant("other").await);
    control.record_backup(&backup(&acme.id, "1", 1), &by).await.unwrap();
    let all = [
        test(&acme.id, "a", "bkp_1", true, 10),
        test(&acme.id, "b", "bkp_1", false, 20),
        test(&other.id, "c", "bkp_9", false, 30),
    ];
    for test in &all {
        control.record_restore_test(test).await.unwrap();
    }
    assert_eq!(control.backups(&acme.id).await.unwrap()[0].verified_at, Some(at(10)));
    let listed = control.restore_tests(None, 2).await.unwrap();
    assert_eq!(listed, [all[2].clone(), all[1].clone()]);
    let of_acme = control.restore_tests(Some(&acme.id), 10).await.unwrap();
    assert_eq!(of_acme, [all[1].clone(), all[0].clone()]);
    assert_eq!(control.last_passed_restore_tests().await.unwrap(), [(acme.id, at(10))]);
}
