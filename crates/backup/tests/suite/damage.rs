//! Damage of every kind is found before a byte is used.

use backup::{BackupError, Manifest};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::{Bench, NOON_MS, Owner, noise};

impl Bench {
    async fn read(&self, name: &str) -> Vec<u8> {
        self.store.get(&Path::parse(name).unwrap()).await.unwrap().bytes().await.unwrap().to_vec()
    }

    async fn overwrite(&self, name: &str, bytes: &[u8]) {
        self.store.put(&Path::parse(name).unwrap(), PutPayload::from(bytes.to_vec())).await.unwrap();
    }

    /// With `bytes` in the place of an object or manifest, nothing is restored; afterwards the old one is back.
    async fn check_refused(&self, owner: &Owner, manifest: &Manifest, name: &str, bytes: &[u8], what: &str) {
        let good = self.read(name).await;
        assert_ne!(good, bytes, "{what} changes nothing");
        self.overwrite(name, bytes).await;
        let outcome = self.fetch(owner, manifest).await;
        assert!(
            matches!(outcome, Err(BackupError::Damaged { .. } | BackupError::NewerFormat { .. })),
            "{what}: {outcome:?}"
        );
        self.overwrite(name, &good).await;
    }
}

fn manifest_name(manifest: &Manifest) -> String {
    manifest.object.replace(".sqlite.zst.enc", ".manifest.json")
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_of_an_object_is_refused() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let plain = [noise(900), vec![b'a'; 5_000]].concat();
    let manifest = bench.ship(&owner, &bench.file("store.db", &plain), NOON_MS).await.unwrap();
    let good = bench.read(&manifest.object).await;
    let mut cases = 0;
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] ^= 1 << (at % 8);
        bench.check_refused(&owner, &manifest, &manifest.object, &bent, &format!("bit of byte {at}")).await;
        bench.check_refused(&owner, &manifest, &manifest.object, &good[..at], &format!("cut at {at}")).await;
        cases += 2;
    }
    let longer = [good.as_slice(), b"x"].concat();
    bench.check_refused(&owner, &manifest, &manifest.object, &longer, "a byte more").await;
    assert!(cases > 1_800, "{cases} cases");
    let scratch = bench.folder.path().join("rehearsal");
    assert!(backup::refuses_damage(&bench.vault, &owner.key, &manifest, &scratch).await.unwrap());
    assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), plain);
}

#[tokio::test]
async fn a_large_object_is_proven_in_every_chunk() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let manifest = bench.ship(&owner, &bench.file("store.db", &noise(5 << 20)), NOON_MS).await.unwrap();
    let good = bench.read(&manifest.object).await;
    for at in (0..good.len()).step_by(333_333) {
        let mut bent = good.clone();
        bent[at] ^= 0x80;
        bench.check_refused(&owner, &manifest, &manifest.object, &bent, &format!("byte {at}")).await;
    }
    // Two chunks change places.
    let (one, other) = (8, 8 + (1 << 20) + 16);
    let mut swapped = good.clone();
    swapped[one..other].copy_from_slice(&good[other..2 * other - one]);
    swapped[other..2 * other - one].copy_from_slice(&good[one..other]);
    bench.check_refused(&owner, &manifest, &manifest.object, &swapped, "swapped chunks").await;
}

#[tokio::test]
async fn every_changed_character_of_a_manifest_is_refused() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let manifest = bench.ship(&owner, &bench.file("store.db", b"bytes"), NOON_MS).await.unwrap();
    let name = manifest_name(&manifest);
    let good = bench.read(&name).await;
    let text = String::from_utf8(good.clone()).unwrap();
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] = if bent[at] == b'7' { b'8' } else { b'7' };
        // White space between the fields is not signed, and changes nothing.
        if good[at].is_ascii_whitespace() && text[..at].matches('"').count().is_multiple_of(2) {
            continue;
        }
        bench.check_refused(&owner, &manifest, &name, &bent, &format!("character {at}")).await;
    }
    for at in 0..good.len() - 1 {
        bench.check_refused(&owner, &manifest, &name, &good[..at], &format!("cut at {at}")).await;
    }
    let newer = text.replacen("\"format\": 1", "\"format\": 2", 1);
    bench.check_refused(&owner, &manifest, &name, newer.as_bytes(), "a newer format").await;
}

#[tokio::test]
async fn the_backup_of_another_is_refused_whichever_part_of_it_is_taken() {
    let bench = Bench::new();
    let (mine, theirs) = (Owner::named("ten_mine"), Owner::named("ten_theirs"));
    let file = bench.file("store.db", b"mine");
    let my_backup = bench.ship(&mine, &file, NOON_MS).await.unwrap();
    let their_backup = bench.ship(&theirs, &bench.file("b.db", b"theirs"), NOON_MS).await.unwrap();
    let my_other = bench.ship(&mine, &bench.file("c.db", b"other"), NOON_MS + 1).await.unwrap();
    for foreign in [&their_backup, &my_other] {
        let object = bench.read(&foreign.object).await;
        bench.check_refused(&mine, &my_backup, &my_backup.object, &object, "another object").await;
        let name = manifest_name(&my_backup);
        let manifest = bench.read(&manifest_name(foreign)).await;
        bench.check_refused(&mine, &my_backup, &name, &manifest, "another manifest").await;
    }
    // Both parts of another's backup under my name.
    let name = manifest_name(&my_backup);
    let (object, manifest) = (bench.read(&my_backup.object).await, bench.read(&name).await);
    bench.overwrite(&my_backup.object, &bench.read(&their_backup.object).await).await;
    bench.overwrite(&name, &bench.read(&manifest_name(&their_backup)).await).await;
    assert!(bench.fetch(&mine, &my_backup).await.is_err());
    // Even if the keys were mixed up.
    let confused = Owner { subject: mine.subject.clone(), key: theirs.key.clone() };
    assert!(matches!(bench.fetch(&confused, &my_backup).await, Err(BackupError::Damaged { .. })));
    bench.overwrite(&my_backup.object, &object).await;
    bench.overwrite(&name, &manifest).await;
    assert!(matches!(bench.fetch(&confused, &my_backup).await, Err(BackupError::Damaged { .. })));
    assert_eq!(bench.fetch(&mine, &my_backup).await.unwrap(), b"mine");
}
