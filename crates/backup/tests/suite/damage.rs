//! Damage of every kind is found before a byte is used.

use backup::{BackupError, Kind, Manifest, OperatorKey, OperatorKeys};
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

/// Cases in which something was damaged; all of them were refused.
#[derive(Default)]
struct Refused(usize);

impl Refused {
    /// Every bit of the bytes at `places` flipped, one at a time.
    async fn flipped(
        &mut self,
        bench: &Bench,
        owner: &Owner,
        manifest: &Manifest,
        name: &str,
        places: &[usize],
    ) {
        let mut bytes = bench.read(name).await;
        let good = bytes.clone();
        for (at, bit) in places.iter().flat_map(|at| (0..8).map(move |bit| (*at, bit))) {
            bytes[at] ^= 1 << bit;
            self.once(bench, owner, manifest, name, &bytes, &format!("bit {bit} of byte {at}")).await;
            bytes[at] ^= 1 << bit;
        }
        bench.overwrite(name, &good).await;
    }

    /// Cut off at each of `places`.
    async fn cut(&mut self, bench: &Bench, owner: &Owner, manifest: &Manifest, name: &str, places: &[usize]) {
        let good = bench.read(name).await;
        for at in places {
            self.once(bench, owner, manifest, name, &good[..*at], &format!("cut at {at}")).await;
        }
        bench.overwrite(name, &good).await;
    }

    async fn once(
        &mut self,
        bench: &Bench,
        owner: &Owner,
        manifest: &Manifest,
        name: &str,
        bytes: &[u8],
        what: &str,
    ) {
        bench.overwrite(name, bytes).await;
        let outcome = bench.fetch(owner, manifest).await;
        let refused = matches!(outcome, Err(BackupError::Damaged { .. } | BackupError::NewerFormat { .. }));
        assert!(refused, "{what}: {outcome:?}");
        self.0 += 1;
    }
}

fn all(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).collect()
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_of_an_object_is_refused() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let plain = [noise(300), vec![b'a'; 5_000]].concat();
    let manifest = bench.ship(&owner, &bench.file("store.db", &plain), NOON_MS).await.unwrap();
    let (name, good) = (&manifest.object, bench.read(&manifest.object).await);
    let mut refused = Refused::default();
    refused.flipped(&bench, &owner, &manifest, name, &all(&good)).await;
    refused.cut(&bench, &owner, &manifest, name, &all(&good)).await;
    assert_eq!(refused.0, 9 * good.len());
    let longer = [good.as_slice(), b"x"].concat();
    bench.check_refused(&owner, &manifest, name, &longer, "a byte more").await;
    assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), plain);
}

#[tokio::test]
async fn what_was_fetched_is_damaged_on_purpose_without_the_vault_and_leaves_nothing() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let manifest = bench.ship(&owner, &bench.file("store.db", &noise(5_000)), NOON_MS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("rehearsal");
    let fetched = backup::fetch(&bench.vault, &owner.key, &manifest, &into, &|_, _| {}).await.unwrap();
    bench.vault.remove_subject(Kind::Database, &owner.subject).await.unwrap();
    assert!(fetched.refuses_damage(&owner.key).await.unwrap());
    assert_eq!(std::fs::read(&into).unwrap(), noise(5_000), "the file itself is as it was");
    std::fs::remove_file(&into).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn every_region_of_a_large_object_is_proven() {
    const HEADER: usize = 8;
    const CHUNK: usize = 1 << 20;
    const TAG: usize = 16;
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let plain = noise((3 << 20) + 500);
    let manifest = bench.ship(&owner, &bench.file("store.db", &plain), NOON_MS).await.unwrap();
    let (name, good) = (&manifest.object, bench.read(&manifest.object).await);
    // The header, then of every chunk its ends, its middle and its tag.
    let mut places: Vec<usize> = (0..HEADER).collect();
    let mut cuts = vec![0, 1, HEADER - 1, HEADER];
    let mut chunks = 0;
    for begin in (HEADER..good.len()).step_by(CHUNK + TAG) {
        let end = good.len().min(begin + CHUNK + TAG);
        places.extend([begin, (begin + end - TAG) / 2, end - TAG - 1, end - TAG, end - 1]);
        cuts.extend([begin + 1, end - TAG, end - 1]);
        cuts.extend((end < good.len()).then_some(end));
        chunks += 1;
    }
    assert_eq!(chunks, 4);
    let mut refused = Refused::default();
    refused.flipped(&bench, &owner, &manifest, name, &places).await;
    refused.cut(&bench, &owner, &manifest, name, &cuts).await;
    assert_eq!(refused.0, 8 * places.len() + cuts.len());
    // Two chunks change places.
    let (one, other) = (HEADER, HEADER + CHUNK + TAG);
    let mut swapped = good.clone();
    swapped[one..other].copy_from_slice(&good[other..2 * other - one]);
    swapped[other..2 * other - one].copy_from_slice(&good[one..other]);
    bench.check_refused(&owner, &manifest, name, &swapped, "swapped chunks").await;
    assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), plain);
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_of_a_manifest_is_refused() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let manifest = bench.ship(&owner, &bench.file("store.db", b"bytes"), NOON_MS).await.unwrap();
    let name = manifest_name(&manifest);
    let good = bench.read(&name).await;
    let mut refused = Refused::default();
    refused.flipped(&bench, &owner, &manifest, &name, &all(&good)).await;
    refused.cut(&bench, &owner, &manifest, &name, &all(&good)).await;
    assert_eq!(refused.0, 9 * good.len());
    let text = String::from_utf8(good).unwrap();
    for (old, new) in [
        ("\"format\": 1", "\"format\": 2"),
        ("\"format\": 1", "\"format\": 0"),
        ("\\\"rows\\\":3", "\\\"rows\\\":4"),
        ("on_demand", "scheduled"),
        ("\n", "\n\n"),
        ("\n", " "),
    ] {
        let edited = text.replacen(old, new, 1);
        bench
            .check_refused(&owner, &manifest, &name, edited.as_bytes(), &format!("{old:?} -> {new:?}"))
            .await;
    }
    let upper = text.replace("\"mac\"", "\"MAC\"");
    bench.check_refused(&owner, &manifest, &name, upper.as_bytes(), "a field of another name").await;
    assert_eq!(bench.fetch(&owner, &manifest).await.unwrap(), b"bytes");
}

#[tokio::test]
async fn what_is_told_of_a_backup_and_is_not_so_is_refused() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let manifest = bench.ship(&owner, &bench.file("store.db", b"bytes"), NOON_MS).await.unwrap();
    let zeros = "0".repeat(64);
    let another = super::description(&owner, NOON_MS).id;
    // Manifests that nobody signed, as a caller might make them up.
    for odd in [
        Manifest { stored_bytes: manifest.stored_bytes + 1, ..manifest.clone() },
        Manifest { stored_sha256: zeros.clone(), ..manifest.clone() },
        Manifest { plain_bytes: manifest.plain_bytes - 1, ..manifest.clone() },
        Manifest { plain_bytes: manifest.plain_bytes + 1, ..manifest.clone() },
        Manifest { plain_sha256: zeros.clone(), ..manifest.clone() },
        Manifest { id: another, ..manifest.clone() },
        Manifest { subject: Owner::named("ten_2").subject, ..manifest.clone() },
    ] {
        let into = bench.folder.path().join("odd");
        let outcome = backup::fetch(&bench.vault, &owner.key, &odd, &into, &|_, _| {}).await;
        assert!(matches!(outcome, Err(BackupError::Damaged { .. })), "{odd:?}: {outcome:?}");
        assert!(!into.exists());
    }
    let stranger = Owner { subject: owner.subject.clone(), key: Owner::named("x").key };
    assert!(matches!(bench.fetch(&stranger, &manifest).await, Err(BackupError::Damaged { .. })));
}

#[tokio::test]
async fn a_damaged_wrapped_key_is_refused_and_put_right() {
    let bench = Bench::new();
    let owner = Owner::named("ten_1");
    let operator = OperatorKeys::only(OperatorKey::generate());
    let wrapped = operator.wrap(&owner.subject, &owner.key).unwrap();
    let put = async || bench.vault.put_key(Kind::Database, &owner.subject, &wrapped).await;
    put().await.unwrap();
    let name = format!("tenants/ten_1/key.{}.json", wrapped.operator_key);
    let good = bench.read(&name).await;
    let mut cases = 0;
    for (at, bit) in (0..good.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bent = good.clone();
        bent[at] ^= 1 << bit;
        bench.overwrite(&name, &bent).await;
        let opened = match bench.vault.keys(Kind::Database, &owner.subject).await {
            Ok(keys) => keys.iter().all(|key| operator.unwrap(&owner.subject, key).is_ok()),
            Err(_) => false,
        };
        assert!(!opened, "bit {bit} of byte {at}");
        cases += 1;
    }
    assert_eq!(cases, 8 * good.len());
    bench.overwrite(&name, &good[..good.len() / 2]).await;
    put().await.unwrap();
    assert_eq!(bench.read(&name).await, good);
    // A damaged one beside a whole one does not hide it.
    bench.overwrite("tenants/ten_1/key.0000000000000000.json", b"{").await;
    assert_eq!(
        bench.vault.keys(Kind::Database, &owner.subject).await.unwrap(),
        std::slice::from_ref(&wrapped)
    );
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
