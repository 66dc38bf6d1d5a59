//! What every vault does: one suite over a folder, an S3 server (HTTP, signed requests), and stores in which things go
//! wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use backup::{
    BackupError, Found, Kind, Manifest, OperatorKey, OperatorKeys, Vault, VaultOptions, WrappedKey,
};
use object_store::memory::InMemory;
use testkit::s3;

use super::faulty::{FaultyStore, PASSING};
use super::{Bench, NOON_MS, Owner, noise};

/// Larger than what goes up in one request.
const LARGE: usize = 17 * 1024 * 1024 + 5;

pub(crate) fn on_s3(server: &s3::Server, url: String) -> Vault {
    let options = VaultOptions {
        url,
        endpoint: Some(server.endpoint()),
        region: "auto".into(),
        access_key_id: Some(s3::ACCESS_KEY_ID.into()),
        secret_access_key: Some(s3::SECRET_ACCESS_KEY.into()),
    };
    Vault::open(&options).unwrap()
}

/// Everything, on one vault.
async fn check(vault: Vault) {
    let bench = Bench { vault, ..Bench::new() };
    bench.vault.probe().await.unwrap();
    check_that_it_keeps(&bench).await;
    check_that_nothing_is_overwritten(&bench).await;
    check_keys(&bench).await;
    check_removal(&bench).await;
}

async fn check_that_it_keeps(bench: &Bench) {
    let owner = Owner::named("ten_kept");
    for (at, count) in [0, 1, 70_000, LARGE].into_iter().enumerate() {
        let bytes = noise(count);
        let file = bench.file("kept.db", &bytes);
        let manifest = bench.ship(&owner, &file, NOON_MS + at as i64).await.unwrap();
        assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), bytes, "{count} bytes");
    }
    let listed = bench.vault.listed(Kind::Database, &owner.subject).await.unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|one| one.found == Found::Whole), "{listed:?}");
    assert!(listed.is_sorted_by_key(|one| one.object.clone()));
    for one in &listed {
        let manifest = bench.vault.manifest(one, Some(&owner.key)).await.unwrap();
        assert_eq!(manifest.object, one.object);
    }
    // A name that begins the same is somebody else.
    let other = Owner::named("ten_kep");
    assert_eq!(bench.vault.listed(Kind::Database, &other.subject).await.unwrap(), []);
    let missing = Manifest { object: listed[0].object.replace("1700", "1600"), ..any(bench, &owner).await };
    assert!(matches!(bench.fetch(&owner, &missing).await, Err(BackupError::Missing { .. })));
}

async fn any(bench: &Bench, owner: &Owner) -> Manifest {
    let listed = bench.vault.listed(Kind::Database, &owner.subject).await.unwrap();
    bench.vault.manifest(&listed[0], Some(&owner.key)).await.unwrap()
}

/// Everything can be done by a task, which may change its thread; the compiler says so here.
#[tokio::test]
async fn deeds_can_be_spawned() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let file = bench.file("store.db", &noise(LARGE));
    tokio::spawn(async move {
        bench.vault.probe().await.unwrap();
        let manifest = bench.ship(&owner, &file, NOON_MS).await.unwrap();
        assert_eq!(bench.fetch(&owner, &manifest).await.unwrap().len(), LARGE);
        let wrapped = OperatorKeys::only(OperatorKey::generate()).wrap(&owner.subject, &owner.key).unwrap();
        bench.vault.put_key(Kind::Database, &owner.subject, &wrapped).await.unwrap();
        assert_eq!(bench.vault.keys(Kind::Database, &owner.subject).await.unwrap().len(), 1);
        assert_eq!(bench.vault.listed(Kind::Database, &owner.subject).await.unwrap().len(), 1);
        bench.vault.remove_subject(Kind::Database, &owner.subject).await.unwrap();
        assert_eq!(bench.vault.subjects().await.unwrap(), []);
    })
    .await
    .unwrap();
}

/// Several want one name at once: one gets it, and what it put stays.
async fn check_that_nothing_is_overwritten(bench: &Bench) {
    let owner = Owner::named("ten_one_name");
    for (at, counts) in
        [[900, 901, 902], [LARGE, LARGE + 1, LARGE + 2], [LARGE, 900, LARGE + 1]].into_iter().enumerate()
    {
        let at = NOON_MS + at as i64;
        let files = counts.map(|count| bench.file(&format!("{count}.db"), &noise(count)));
        let all = files.each_ref().map(|file| bench.ship(&owner, file, at));
        let outcomes = futures::future::join_all(all).await;
        let won: Vec<_> = outcomes.iter().flatten().collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        let taken = |outcome: &&Result<_, BackupError>| matches!(outcome, Err(BackupError::Taken { .. }));
        assert_eq!(outcomes.iter().filter(taken).count(), 2, "{outcomes:?}");
        let late = bench.ship(&owner, &bench.file("late.db", &noise(50)), at).await;
        assert!(matches!(late, Err(BackupError::Taken { .. })), "{late:?}");
        let kept = bench.fetch(&owner, won[0]).await.unwrap();
        assert_eq!(kept, noise(kept.len()));
        assert_eq!(kept.len() as u64, won[0].plain_bytes);
    }
}

async fn check_keys(bench: &Bench) {
    let owner = Owner::named("ten_keys");
    let (old, new) = (OperatorKey::generate(), OperatorKey::generate());
    let keys = async || bench.vault.keys(Kind::Database, &owner.subject).await.unwrap();
    let put = async |wrapped: WrappedKey| bench.vault.put_key(Kind::Database, &owner.subject, &wrapped).await;
    assert_eq!(keys().await, []);
    let first = OperatorKeys::only(old.clone()).wrap(&owner.subject, &owner.key).unwrap();
    put(first.clone()).await.unwrap();
    // Closed again it is the same text, and putting it again changes nothing.
    put(OperatorKeys::only(old.clone()).wrap(&owner.subject, &owner.key).unwrap()).await.unwrap();
    assert_eq!(keys().await, std::slice::from_ref(&first));
    // Another key under the same operator's would make every backup noise.
    let stranger = OperatorKeys::only(old).wrap(&owner.subject, &Owner::named("x").key).unwrap();
    assert!(matches!(put(stranger).await, Err(BackupError::Taken { .. })));
    assert_eq!(keys().await, [first]);
    let again = OperatorKeys::only(new).wrap(&owner.subject, &owner.key).unwrap();
    put(again.clone()).await.unwrap();
    assert_eq!(keys().await, [again]);
    bench.vault.remove_keys(Kind::Database, &owner.subject).await.unwrap();
    bench.vault.remove_keys(Kind::Database, &owner.subject).await.unwrap();
    assert_eq!(keys().await, []);
}

async fn check_removal(bench: &Bench) {
    let owner = Owner::named("ten_removed");
    let wrapped = OperatorKeys::only(OperatorKey::generate()).wrap(&owner.subject, &owner.key).unwrap();
    bench.vault.put_key(Kind::Database, &owner.subject, &wrapped).await.unwrap();
    let mut made = Vec::new();
    for at in 0..3 {
        made.push(bench.ship(&owner, &bench.file("gone.db", &noise(900)), NOON_MS + at).await.unwrap());
    }
    bench.vault.remove_backup(Kind::Database, &made[1].object).await.unwrap();
    bench.vault.remove_backup(Kind::Database, &made[1].object).await.unwrap();
    let listed = bench.vault.listed(Kind::Database, &owner.subject).await.unwrap();
    assert_eq!(listed.iter().map(|one| &one.object).collect::<Vec<_>>(), [&made[0].object, &made[2].object]);
    assert!(matches!(bench.fetch(&owner, &made[1]).await, Err(BackupError::Missing { .. })));
    assert_eq!(bench.fetch(&owner, &made[2]).await.unwrap(), noise(900));
    assert!(bench.vault.subjects().await.unwrap().contains(&owner.subject));
    assert_eq!(bench.vault.remove_subject(Kind::Database, &owner.subject).await.unwrap(), 4);
    assert_eq!(bench.vault.remove_subject(Kind::Database, &owner.subject).await.unwrap(), 0);
    assert_eq!(bench.vault.keys(Kind::Database, &owner.subject).await.unwrap(), []);
    let left = bench.vault.subjects().await.unwrap();
    assert!(!left.contains(&owner.subject), "{left:?}");
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/vault", folder.path().display());
    check(Vault::open(&VaultOptions { url, ..VaultOptions::default() }).unwrap()).await;
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    let server = s3::Server::start();
    check(on_s3(&server, server.bucket("whole"))).await;
}

#[tokio::test]
async fn a_prefix_in_a_bucket_keeps_the_contract() {
    let server = s3::Server::start();
    let bucket = server.bucket("shared");
    check(on_s3(&server, format!("{bucket}/engram/vault/"))).await;
    assert!(server.file_of("shared", "engram/vault/tenants/ten_kept").exists());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_falters_keeps_the_contract() {
    let mut dealt = BTreeMap::new();
    for seed in 0..6 {
        let store = FaultyStore::over(Arc::new(InMemory::new()));
        store.deal(PASSING, 6, seed);
        check(Vault::over(Arc::new(store.clone()), "faulty")).await;
        dealt.extend(store.dealt());
    }
    assert_eq!(dealt.len(), PASSING.len(), "{dealt:?}");
}

#[tokio::test]
async fn a_bucket_behind_a_bad_line_keeps_the_contract() {
    let server = s3::Server::start();
    let bucket = server.bucket("far");
    server.faults().deal(s3::Fault::PASSING, 8, 11);
    check(on_s3(&server, bucket)).await;
    assert!(server.faults().dealt().len() >= 4, "{:?}", server.faults().dealt());
}

#[tokio::test]
async fn whoever_signs_with_another_key_or_names_no_bucket_is_told() {
    let server = s3::Server::start();
    let options = VaultOptions {
        url: server.bucket("closed"),
        endpoint: Some(server.endpoint()),
        region: "auto".into(),
        access_key_id: Some(s3::ACCESS_KEY_ID.into()),
        secret_access_key: Some("another".into()),
    };
    assert!(!format!("{options:?}").contains("another"), "secrets stay out of logs");
    let told = Vault::open(&options).unwrap().probe().await.unwrap_err();
    assert!(matches!(told, BackupError::Vault { .. }), "{told}");
    let nowhere = on_s3(&server, "s3://no-such-bucket".into());
    let told = nowhere.probe().await.unwrap_err();
    assert!(told.to_string().contains("NoSuchBucket"), "{told}");
    assert!(matches!(nowhere.subjects().await, Err(BackupError::Vault { .. })));
}

#[tokio::test]
async fn a_vault_that_vanishes_is_told_and_works_again_when_it_is_back() {
    let mut server = s3::Server::start();
    let vault = on_s3(&server, server.bucket("away"));
    let bench = Bench { vault, ..Bench::new() };
    let owner = Owner::named("ten_1");
    let file = bench.file("store.db", &noise(LARGE));
    let made = bench.ship(&owner, &file, NOON_MS).await.unwrap();
    let mut server = tokio::task::spawn_blocking(move || {
        server.stop();
        server
    })
    .await
    .unwrap();
    assert!(matches!(bench.ship(&owner, &file, NOON_MS + 1).await, Err(BackupError::Vault { .. })));
    assert!(matches!(bench.fetch(&owner, &made).await, Err(BackupError::Vault { .. })));
    server.run();
    assert_eq!(bench.fetch(&owner, &made).await.unwrap(), noise(LARGE));
    assert_eq!(bench.vault.listed(Kind::Database, &owner.subject).await.unwrap().len(), 1);
}
