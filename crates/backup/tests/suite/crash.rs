//! A process that dies at any request, before it was carried out or after, leaves litter that can be swept away, and
//! never something that looks like a backup and is none.

use std::sync::Arc;

use backup::{Found, Kind, OperatorKey, OperatorKeys, Vault};
use jiff::Timestamp;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::faulty::{ALL, FaultyStore, Stop};
use super::{Bench, NOON_MS, Owner, noise};

const LARGE: usize = 17 * 1024 * 1024;
const DAYS_2_MS: i64 = 2 * 24 * 60 * 60 * 1_000;

/// A store, and what a process that still lives sees of it.
struct Scene {
    dying: FaultyStore,
    bench: Bench,
    owner: Owner,
}

impl Scene {
    fn new() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let dying = FaultyStore::over(Arc::clone(&store));
        Self { dying, bench: Bench::over(store), owner: Owner::named("ten_1") }
    }

    fn dying_vault(&self) -> Vault {
        Vault::over(Arc::new(self.dying.clone()), "dying")
    }

    /// Runs `deed`, which dies at its request number `at`; whether it came so far.
    async fn dies_at<T>(&self, at: u64, stop: Stop, deed: impl Future<Output = T>) -> bool {
        self.dying.stop_at(at, stop);
        tokio::select! {
            () = self.dying.stopped() => true,
            _ = deed => false,
        }
    }

    /// What is whole can be fetched and is `bytes`; what is not is swept away. Returns how many were whole.
    async fn check_and_sweep(&self, bytes: &[u8]) -> usize {
        let listed = self.bench.vault.listed(Kind::Database, &self.owner.subject).await.unwrap();
        let mut whole = 0;
        for one in listed.iter().filter(|one| one.found == Found::Whole) {
            let manifest = self.bench.vault.manifest(one, Some(&self.owner.key)).await.unwrap();
            assert!(self.bench.fetch(&self.owner, &manifest).await.unwrap() == bytes);
            whole += 1;
        }
        let newest = listed.iter().map(|one| one.modified_ms).max().unwrap_or(0);
        let later = Timestamp::from_millisecond(newest + DAYS_2_MS).unwrap();
        let orphans = backup::orphans(&listed, later);
        assert_eq!(orphans.len() + whole, listed.len());
        for orphan in orphans {
            self.bench.vault.remove_backup(Kind::Database, &orphan.object).await.unwrap();
        }
        let left = self.bench.vault.listed(Kind::Database, &self.owner.subject).await.unwrap();
        assert_eq!(left.len(), whole);
        whole
    }
}

/// Every request of a deed, and both ways to die there.
async fn at_every_step(mut check: impl AsyncFnMut(u64, Stop) -> bool) -> u64 {
    for at in 0.. {
        for stop in [Stop::Before, Stop::After] {
            if !check(at, stop).await {
                return at;
            }
        }
    }
    unreachable!("every deed ends")
}

#[tokio::test]
async fn a_ship_that_dies_leaves_litter_and_no_promise() {
    // Small: the object, the manifest. Large: a claim, an upload, two parts, its end, the manifest.
    for (count, steps_min) in [(900, 2), (LARGE, 6)] {
        let bytes = noise(count);
        let steps = at_every_step(async |at, stop| {
            let scene = Scene::new();
            let file = scene.bench.file("store.db", &bytes);
            let dying = Bench { vault: scene.dying_vault(), ..Bench::new() };
            let died = scene.dies_at(at, stop, dying.ship(&scene.owner, &file, NOON_MS)).await;
            let whole = scene.check_and_sweep(&bytes).await;
            let manifest_was_put = !died || whole == 1;
            assert!(!died || whole == 0 || stop == Stop::After, "step {at}");
            // The next one is made as if nothing had happened.
            scene.bench.ship(&scene.owner, &file, NOON_MS + 1).await.unwrap();
            assert_eq!(scene.check_and_sweep(&bytes).await, 1 + usize::from(manifest_was_put));
            died
        })
        .await;
        assert!(steps >= steps_min, "{steps} steps");
    }
}

#[tokio::test]
async fn a_removal_that_dies_leaves_no_manifest_without_its_object() {
    let steps = at_every_step(async |at, stop| {
        let scene = Scene::new();
        let file = scene.bench.file("store.db", b"bytes");
        let made = scene.bench.ship(&scene.owner, &file, NOON_MS).await.unwrap();
        let vault = scene.dying_vault();
        let died = scene.dies_at(at, stop, vault.remove_backup(Kind::Database, &made.object)).await;
        let listed = scene.bench.vault.listed(Kind::Database, &scene.owner.subject).await.unwrap();
        assert!(listed.iter().all(|one| one.found != Found::NoObject), "step {at}: {listed:?}");
        scene.check_and_sweep(b"bytes").await;
        scene.bench.vault.remove_backup(Kind::Database, &made.object).await.unwrap();
        assert_eq!(scene.check_and_sweep(b"bytes").await, 0);
        died
    })
    .await;
    assert_eq!(steps, 2);
}

#[tokio::test]
async fn a_rotation_that_dies_always_leaves_a_key_that_opens() {
    let (old, new) = (OperatorKey::generate(), OperatorKey::generate());
    let both = OperatorKeys::parse(&format!("{}\n{}", *new.reveal(), *old.reveal())).unwrap();
    let steps = at_every_step(async |at, stop| {
        let scene = Scene::new();
        let subject = &scene.owner.subject;
        let first = OperatorKeys::only(old.clone()).wrap(subject, &scene.owner.key).unwrap();
        scene.bench.vault.put_key(Kind::Database, subject, &first).await.unwrap();
        let again = both.wrap(subject, &scene.owner.key).unwrap();
        let vault = scene.dying_vault();
        let died = scene.dies_at(at, stop, vault.put_key(Kind::Database, subject, &again)).await;
        let keys = scene.bench.vault.keys(Kind::Database, subject).await.unwrap();
        assert!((1..=2).contains(&keys.len()), "step {at}");
        assert!(keys.iter().all(|key| both.unwrap(subject, key).is_ok()));
        // The rotation goes on, or is taken back: either way one key is left.
        scene.bench.vault.put_key(Kind::Database, subject, &first).await.unwrap();
        scene.bench.vault.put_key(Kind::Database, subject, &again).await.unwrap();
        assert_eq!(scene.bench.vault.keys(Kind::Database, subject).await.unwrap(), [again]);
        died
    })
    .await;
    assert_eq!(steps, 3);
}

#[tokio::test]
async fn a_destruction_that_dies_is_finished_by_the_next_and_takes_the_key_first() {
    let operator = OperatorKeys::only(OperatorKey::generate());
    let steps = at_every_step(async |at, stop| {
        let scene = Scene::new();
        let subject = &scene.owner.subject;
        let wrapped = operator.wrap(subject, &scene.owner.key).unwrap();
        scene.bench.vault.put_key(Kind::Database, subject, &wrapped).await.unwrap();
        let file = scene.bench.file("store.db", b"bytes");
        scene.bench.ship(&scene.owner, &file, NOON_MS).await.unwrap();
        let vault = scene.dying_vault();
        let died = scene.dies_at(at, stop, vault.remove_subject(Kind::Database, subject)).await;
        let keys = scene.bench.vault.keys(Kind::Database, subject).await.unwrap().len();
        let left = scene.bench.vault.listed(Kind::Database, subject).await.unwrap();
        assert!(keys == 0 || left.iter().all(|one| one.found == Found::Whole), "step {at}");
        scene.bench.vault.remove_subject(Kind::Database, subject).await.unwrap();
        assert_eq!(scene.check_and_sweep(b"bytes").await, 0);
        assert_eq!(scene.bench.vault.subjects().await.unwrap(), []);
        died
    })
    .await;
    assert!(steps >= 5, "{steps} steps");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_runs_with_faults_end_whole_or_refused() {
    let (mut shipped, mut fetched, mut refused) = (0, 0, 0);
    let large = noise(LARGE);
    for seed in 0..200 {
        let scene = Scene::new();
        scene.dying.deal(ALL, 3, seed);
        let bytes = if seed % 20 == 0 { large.as_slice() } else { &large[..900] };
        let file = scene.bench.file("store.db", bytes);
        let faulty = Bench { vault: scene.dying_vault(), ..Bench::new() };
        match faulty.ship(&scene.owner, &file, NOON_MS).await {
            Ok(manifest) => {
                shipped += 1;
                match faulty.fetch(&scene.owner, &manifest).await {
                    Ok(read) => {
                        assert!(read == bytes, "seed {seed}");
                        fetched += 1;
                    }
                    Err(_) => refused += 1,
                }
                // Whatever the line did, what was promised is there.
                assert_eq!(scene.check_and_sweep(bytes).await, 1, "seed {seed}");
            }
            Err(_) => {
                refused += 1;
                scene.check_and_sweep(bytes).await;
            }
        }
    }
    // One request in three goes wrong, and still most get through.
    assert!(shipped > 180 && fetched > 100 && refused > 0, "{shipped} {fetched} {refused}");
}
