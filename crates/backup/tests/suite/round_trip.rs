//! What goes into a vault comes back, once, under its own name.

use backup::{BackupError, Found, Kind, OperatorKey, OperatorKeys, Vault, VaultOptions};

use super::{Bench, NOON_MS, Owner, noise};

#[tokio::test]
async fn what_was_shipped_is_fetched_at_every_size() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    for (at, count) in [0, 1, 70_000, 17 * 1024 * 1024, 40 * 1024 * 1024].into_iter().enumerate() {
        let bytes = noise(count);
        let file = bench.file("store.db", &bytes);
        let manifest = bench.ship(&owner, &file, NOON_MS + at as i64).await.unwrap();
        assert_eq!(manifest.plain_bytes, count as u64);
        assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), bytes, "{count} bytes");
    }
    let files = std::fs::read_dir(bench.folder.path()).unwrap();
    let litter =
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "sealed"));
    assert_eq!(litter.count(), 0);
}

#[tokio::test]
async fn a_folder_is_a_vault() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/new/vault", folder.path().display());
    let vault = Vault::open(&VaultOptions { url, ..VaultOptions::default() }).unwrap();
    vault.probe().await.unwrap();
    let bench = Bench { vault, ..Bench::new() };
    let owner = Owner::named("ten_1");
    let file = bench.file("store.db", &noise(20 * 1024 * 1024));
    let manifest = bench.ship(&owner, &file, NOON_MS).await.unwrap();
    assert!(folder.path().join("new/vault").join(&manifest.object).exists());
    assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), std::fs::read(file).unwrap());
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    for count in [100, 20 * 1024 * 1024] {
        let (first, second) = (noise(count), noise(count + 1));
        let file = bench.file("store.db", &first);
        let at = NOON_MS + count as i64;
        let manifest = bench.ship(&owner, &file, at).await.unwrap();
        let other = bench.file("other.db", &second);
        let refused = bench.ship(&owner, &other, at).await.unwrap_err();
        assert!(matches!(refused, BackupError::Taken { .. }), "{refused}");
        assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), first);
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_left_alone() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let manifest = bench.ship(&owner, &bench.file("store.db", b"bytes"), NOON_MS).await.unwrap();
    let mine = bench.file("mine.db", b"mine");
    let refused = backup::fetch(&bench.vault, &owner.key, &manifest, &mine, &|_, _| {}).await;
    assert!(matches!(refused, Err(BackupError::Disk { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
}

#[tokio::test]
async fn what_a_crash_leaves_is_litter_and_no_backup() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let file = bench.file("store.db", b"bytes");
    let manifest = bench.ship(&owner, &file, NOON_MS).await.unwrap();
    let listed = async || bench.vault.listed(Kind::Database, &owner.subject).await.unwrap();
    let whole = listed().await;
    assert_eq!((whole.len(), whole[0].found), (1, Found::Whole));
    assert_eq!(bench.vault.manifest(&whole[0], Some(&owner.key)).await.unwrap(), manifest);

    // As if the process had died between the object and the manifest.
    let name = object_store::path::Path::parse(&whole[0].manifest).unwrap();
    object_store::ObjectStoreExt::delete(&bench.store, &name).await.unwrap();
    assert_eq!(listed().await[0].found, Found::NoManifest);
    assert!(matches!(bench.fetch(&owner, &manifest).await, Err(BackupError::Missing { .. })));

    bench.vault.remove_backup(Kind::Database, &manifest.object).await.unwrap();
    bench.vault.remove_backup(Kind::Database, &manifest.object).await.unwrap();
    assert_eq!(listed().await, []);
}

#[tokio::test]
async fn a_manifest_without_its_object_is_no_backup() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let manifest = bench.ship(&owner, &bench.file("store.db", b"bytes"), NOON_MS).await.unwrap();
    let name = object_store::path::Path::parse(&manifest.object).unwrap();
    object_store::ObjectStoreExt::delete(&bench.store, &name).await.unwrap();
    let listed = bench.vault.listed(Kind::Database, &owner.subject).await.unwrap();
    assert_eq!(listed[0].found, Found::NoObject);
    assert!(matches!(bench.fetch(&owner, &manifest).await, Err(BackupError::Missing { .. })));
}

#[tokio::test]
async fn wrapped_keys_lie_beside_the_backups_and_change_without_them() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let (old, new) = (OperatorKey::generate(), OperatorKey::generate());
    let keys = async || bench.vault.keys(Kind::Database, &owner.subject).await.unwrap();
    assert_eq!(keys().await, []);
    let wrapped = OperatorKeys::only(old.clone()).wrap(&owner.subject, &owner.key).unwrap();
    bench.vault.put_key(Kind::Database, &owner.subject, &wrapped).await.unwrap();
    assert_eq!(keys().await, std::slice::from_ref(&wrapped));
    let manifest = bench.ship(&owner, &bench.file("store.db", b"bytes"), NOON_MS).await.unwrap();

    let again = OperatorKeys::only(new.clone()).wrap(&owner.subject, &owner.key).unwrap();
    bench.vault.put_key(Kind::Database, &owner.subject, &again).await.unwrap();
    assert_eq!(keys().await, std::slice::from_ref(&again));
    let opened = OperatorKeys::only(new).unwrap(&owner.subject, &again).unwrap();
    let reader = Owner { subject: owner.subject.clone(), key: opened };
    assert_eq!(bench.fetch(&reader, &manifest).await.unwrap(), b"bytes");

    assert_eq!(bench.vault.subjects().await.unwrap(), std::slice::from_ref(&owner.subject));
    assert_eq!(bench.vault.remove_subject(Kind::Database, &owner.subject).await.unwrap(), 2);
    assert_eq!(keys().await, []);
    assert_eq!(bench.vault.listed(Kind::Database, &owner.subject).await.unwrap(), []);
}

#[tokio::test]
async fn a_vault_that_is_none_is_told() {
    for (url, part) in
        [("ftp://x", "file:///path"), ("s3://", "no bucket"), ("file://relative", "file:///path")]
    {
        let told = Vault::open(&VaultOptions { url: url.into(), ..VaultOptions::default() })
            .unwrap_err()
            .to_string();
        assert!(told.contains(part), "{told}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let url = format!("file://{}/vault", file.path().display());
    assert!(Vault::open(&VaultOptions { url, ..VaultOptions::default() }).is_err());
}
