//! A restored file takes its tenant's place, or everything stays as it was; a damaged one is served to nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use engine::{Bounds, Draft, EngineError, ListQuery, NewMemory, Store};
use fleet::{Fleet, FleetError, FleetOptions, Lease};
use stdx::clock::SystemClock;
use tenancy::{RequestId, TenantId};

struct Volume {
    fleet: Arc<Fleet>,
    folder: tempfile::TempDir,
}

impl Volume {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { fleet: open(folder.path()), folder }
    }

    fn tenant(&self) -> TenantId {
        let tenant = TenantId::from_uuid(RequestId::at(stdx::clock::Clock::now(&SystemClock)).as_uuid());
        self.fleet.create_tenant_folder(&tenant).unwrap();
        tenant
    }

    fn folder_of(&self, tenant: &TenantId) -> PathBuf {
        let groups = fs::read_dir(self.folder.path().join("tenants")).unwrap().flatten();
        groups.map(|group| group.path().join(tenant.as_str())).find(|path| path.is_dir()).unwrap()
    }

    /// A copy of the tenant's store as it is now.
    async fn copy(&self, tenant: &TenantId, name: &str) -> PathBuf {
        let to = self.fleet.scratch().join(name);
        let lease = self.fleet.store(tenant).await.unwrap();
        let into = to.clone();
        lease.read(move |store| store.snapshot(&into)).await.unwrap();
        to
    }

    async fn contents(&self, tenant: &TenantId) -> Vec<String> {
        let lease = self.fleet.store(tenant).await.unwrap();
        contents(&lease).await
    }

    async fn add(&self, tenant: &TenantId, content: &str) -> Result<i64, FleetError> {
        let lease = self.fleet.store(tenant).await?;
        let memory = NewMemory { content: content.into(), ..NewMemory::default() };
        let draft = Draft { memory, embedded: None };
        let stored = lease.write(|store| store.create(vec![draft], None, Bounds::NONE)).await?;
        Ok(stored.items[0].memory.id)
    }
}

fn open(folder: &Path) -> Arc<Fleet> {
    let options = FleetOptions {
        clock: SystemClock::shared(),
        model: None,
        stores_open_max: Some(10),
        idle: Duration::from_secs(300),
    };
    Fleet::open(folder, options).unwrap()
}

async fn contents(lease: &Lease) -> Vec<String> {
    let query = ListQuery { limit: 100, ..ListQuery::default() };
    let page = lease.read(move |store| store.list(&query)).await.unwrap();
    let mut contents: Vec<_> = page.items.into_iter().map(|memory| memory.content).collect();
    contents.sort();
    contents
}

fn fine(_: &Store) -> Result<(), EngineError> {
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_file_takes_the_place_and_the_old_one_can_come_back() {
    let volume = Volume::new();
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    let copy = volume.copy(&tenant, "copy.db").await;
    volume.add(&tenant, "b").await.unwrap();

    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    assert!(matches!(volume.add(&tenant, "c").await, Err(FleetError::Maintenance)));
    assert!(matches!(volume.fleet.begin_maintenance(&tenant).await, Err(FleetError::InMaintenance)));
    assert_eq!(volume.contents(&tenant).await, ["a", "b"], "reads go on");
    let kept = maintenance.swap(&copy, fine).await.unwrap().unwrap();
    assert!(matches!(volume.add(&tenant, "c").await, Err(FleetError::Maintenance)));
    drop(maintenance);
    assert_eq!(volume.contents(&tenant).await, ["a"]);
    assert_eq!(volume.add(&tenant, "d").await.unwrap(), 2);

    let replaced = volume.fleet.replaced(&tenant).await.unwrap();
    assert_eq!((replaced.len(), &replaced[0].name, replaced[0].corrupt), (1, &kept, false));
    let again =
        volume.fleet.copy_replaced(&tenant, &kept, &volume.fleet.scratch().join("old")).await.unwrap();
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    maintenance.swap(&again, fine).await.unwrap();
    drop(maintenance);
    assert_eq!(volume.contents(&tenant).await, ["a", "b"]);
    assert!(volume.fleet.copy_replaced(&tenant, "../elsewhere", Path::new("/x")).await.is_err());

    assert_eq!(volume.fleet.remove_replaced(&tenant, 0).await.unwrap(), 0);
    assert_eq!(volume.fleet.remove_replaced(&tenant, i64::MAX).await.unwrap(), 2);
    assert_eq!(volume.fleet.replaced(&tenant).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_pass_changes_nothing() {
    let volume = Volume::new();
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    let before = volume.copy(&tenant, "before.db").await;
    volume.add(&tenant, "b").await.unwrap();
    let garbage = volume.fleet.scratch().join("garbage.db");
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    for _ in 0..2 {
        let refused = |_: &Store| Err(EngineError::Internal("the check says no".into()));
        let failed = maintenance.swap(&before, refused).await.unwrap_err();
        assert!(failed.to_string().contains("the check says no"), "{failed}");
        fs::write(&garbage, "no database").unwrap();
        assert!(maintenance.swap(&garbage, fine).await.is_err());
        assert!(maintenance.swap(Path::new("/nowhere/x.db"), fine).await.is_err());
        assert_eq!(volume.contents(&tenant).await, ["a", "b"]);
        // What failed was moved in and removed; it is copied anew.
        fs::remove_file(&before).ok();
        volume.copy(&tenant, "before.db").await;
    }
    drop(maintenance);
    assert_eq!(volume.fleet.replaced(&tenant).await.unwrap(), []);
    assert_eq!(volume.add(&tenant, "c").await.unwrap(), 3);
    let names: Vec<_> =
        fs::read_dir(volume.folder_of(&tenant)).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_string_lossy().starts_with("engram.db")), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_under_load_loses_no_acknowledged_write_that_came_after_it() {
    let volume = Arc::new(Volume::new());
    let tenant = volume.tenant();
    volume.add(&tenant, "first").await.unwrap();
    let copy = volume.copy(&tenant, "copy.db").await;
    let (stop, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let restored = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (volume, tenant, stop) = (Arc::clone(&volume), tenant.clone(), Arc::clone(&stop));
            let (refused, restored) = (Arc::clone(&refused), Arc::clone(&restored));
            tokio::spawn(async move {
                let mut kept = Vec::new();
                for n in 0.. {
                    if stop.load(Ordering::Acquire) {
                        break;
                    }
                    let after = restored.load(Ordering::Acquire);
                    let content = format!("writer {writer} number {n:05}");
                    match volume.add(&tenant, &content).await {
                        Ok(_) if after => kept.push(content),
                        Ok(_) => {}
                        Err(FleetError::Maintenance) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        Err(other) => panic!("{other}"),
                    }
                    tokio::task::yield_now().await;
                }
                kept
            })
        })
        .collect();
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    while refused.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    maintenance.swap(&copy, fine).await.unwrap();
    drop(maintenance);
    restored.store(true, Ordering::Release);
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Release);
    let mut kept = vec!["first".to_owned()];
    for writer in writers {
        kept.extend(writer.await.unwrap());
    }
    let lease = volume.fleet.store(&tenant).await.unwrap();
    let stored = lease.read(|store| store.stats()).await.unwrap().memories;
    assert!(kept.len() > 1 && stored >= kept.len() as u64, "{stored} stored, {} acknowledged", kept.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_served_to_nobody_and_restored_like_any_other() {
    let volume = Volume::new();
    let (tenant, other) = (volume.tenant(), volume.tenant());
    volume.add(&tenant, "a").await.unwrap();
    volume.add(&other, "o").await.unwrap();
    let copy = volume.copy(&tenant, "copy.db").await;
    volume.fleet.close_all().await;
    let database = volume.folder_of(&tenant).join("engram.db");
    fs::write(&database, vec![7; 8192]).unwrap();

    let again = Volume { fleet: open(volume.folder.path()), folder: volume.folder };
    // Scratch is emptied at a start, so the copy is one of before.
    assert!(!copy.exists());
    for _ in 0..3 {
        assert!(matches!(again.fleet.store(&tenant).await, Err(FleetError::Quarantined(_))));
    }
    assert_eq!(again.contents(&other).await, ["o"]);
    assert!(again.fleet.quarantine(&tenant).is_some() && again.fleet.quarantine(&other).is_none());
    again.fleet.release(&tenant).await.unwrap();
    assert!(matches!(again.fleet.store(&tenant).await, Err(FleetError::Quarantined(_))));

    let from_other = again.copy(&other, "other.db").await;
    let maintenance = again.fleet.begin_maintenance(&tenant).await.unwrap();
    let kept = maintenance.swap(&from_other, fine).await.unwrap().unwrap();
    drop(maintenance);
    assert!(kept.starts_with("engram.db.corrupt-"), "{kept}");
    assert_eq!(again.fleet.quarantine(&tenant), None);
    assert_eq!(again.contents(&tenant).await, ["o"]);
    assert_eq!(again.fleet.remove_replaced(&tenant, i64::MAX).await.unwrap(), 0, "damaged files stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_read_meets_closes_the_tenant() {
    let volume = Volume::new();
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    let lease = volume.fleet.store(&tenant).await.unwrap();
    let damaged = |_: &Store| Err::<(), _>(EngineError::Damaged("a page is no page".into()));
    assert!(lease.read(damaged).await.is_err());
    drop(lease);
    assert!(matches!(volume.fleet.store(&tenant).await, Err(FleetError::Quarantined(_))));
    volume.fleet.release(&tenant).await.unwrap();
    assert_eq!(volume.contents(&tenant).await, ["a"], "the file was whole after all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_a_file_gets_one() {
    let volume = Volume::new();
    let (source, tenant) = (volume.tenant(), volume.tenant());
    volume.add(&source, "a").await.unwrap();
    let copy = volume.copy(&source, "copy.db").await;
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    assert_eq!(maintenance.swap(&copy, fine).await.unwrap(), None);
    drop(maintenance);
    assert_eq!(volume.contents(&tenant).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stamp_changes_with_the_file_and_not_by_itself() {
    let volume = Volume::new();
    let tenant = volume.tenant();
    let empty = volume.fleet.change_stamp(&tenant);
    volume.add(&tenant, "a").await.unwrap();
    let one = volume.fleet.change_stamp(&tenant);
    assert_ne!(empty, one);
    volume.contents(&tenant).await;
    assert_eq!(volume.fleet.change_stamp(&tenant), one);
    volume.add(&tenant, "b").await.unwrap();
    assert_ne!(volume.fleet.change_stamp(&tenant), one);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_in_the_middle_of_a_swap_changes_nothing() {
    let volume = Volume::new();
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    let copy = volume.copy(&tenant, "copy.db").await;
    volume.add(&tenant, "b").await.unwrap();
    let (checking, at_it) = tokio::sync::oneshot::channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    let check = move |_: &Store| {
        checking.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    };
    let swapping = tokio::spawn(async move { maintenance.swap(&copy, check).await });
    at_it.await.unwrap();
    swapping.abort();
    assert!(swapping.await.unwrap_err().is_cancelled());
    // Nobody gets in before the swap has ended, one way or the other.
    let reading = volume.contents(&tenant);
    tokio::pin!(reading);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut reading).await.is_err());
    go_on.send(()).unwrap();
    assert_eq!(reading.await, ["a"]);
    assert_eq!(volume.fleet.replaced(&tenant).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_restores_in_one_moment_keep_both_sets() {
    let folder = tempfile::tempdir().unwrap();
    let clock = stdx::clock::ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let options = FleetOptions { clock, model: None, stores_open_max: None, idle: Duration::from_secs(300) };
    let volume = Volume { fleet: Fleet::open(folder.path(), options).unwrap(), folder };
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    let (one, two) = (volume.copy(&tenant, "one.db").await, volume.copy(&tenant, "two.db").await);
    volume.add(&tenant, "b").await.unwrap();
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    let first = maintenance.swap(&one, fine).await.unwrap();
    let second = maintenance.swap(&two, fine).await.unwrap();
    assert_ne!(first, second);
    let refused = |_: &Store| Err(EngineError::Internal("no".into()));
    let copy = volume.copy(&tenant, "three.db").await;
    assert!(maintenance.swap(&copy, refused).await.is_err());
    drop(maintenance);
    assert_eq!(volume.contents(&tenant).await, ["a"]);
    let replaced = volume.fleet.replaced(&tenant).await.unwrap();
    assert_eq!(replaced.len(), 2);
    for (kept, want) in [(first, vec!["a", "b"]), (second, vec!["a"])] {
        let kept = kept.unwrap();
        let old =
            volume.fleet.copy_replaced(&tenant, &kept, &volume.fleet.scratch().join(&kept)).await.unwrap();
        let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
        maintenance.swap(&old, fine).await.unwrap();
        drop(maintenance);
        assert_eq!(volume.contents(&tenant).await, want);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unfinished_swap_moved_away_is_no_old_backup() {
    let volume = Volume::new();
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    volume.fleet.close_all().await;
    let fleet = open(volume.folder.path());
    let folder = volume.folder_of(&tenant);
    // As a process that died in between has left it, a month ago.
    let away = folder.join("engram.db.bak-1000");
    fs::write(folder.join("swap.journal"), "engram.db.bak-1000\nsome\n").unwrap();
    fs::create_dir(&away).unwrap();
    fs::rename(folder.join("engram.db"), away.join("engram.db")).unwrap();
    assert!(!fleet.change_stamp(&tenant).starts_with('-'), "it has a file");
    assert_eq!(fleet.replaced(&tenant).await.unwrap(), []);
    assert_eq!(fleet.remove_replaced(&tenant, i64::MAX).await.unwrap(), 0);
    assert!(fleet.copy_replaced(&tenant, "engram.db.bak-1000", &fleet.scratch().join("x")).await.is_err());
    let again = Volume { fleet, folder: volume.folder };
    assert_eq!(again.contents(&tenant).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_removed_meanwhile_is_not_restored() {
    let volume = Volume::new();
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    let copy = volume.copy(&tenant, "copy.db").await;
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    let folder = volume.folder_of(&tenant);
    volume.fleet.remove_tenant(&tenant).await.unwrap();
    assert!(matches!(maintenance.swap(&copy, fine).await, Err(FleetError::Removed)));
    assert!(!folder.exists());
    assert!(matches!(volume.fleet.begin_maintenance(&tenant).await, Err(FleetError::Removed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_under_way_are_waited_for_and_see_the_old_file() {
    let volume = Arc::new(Volume::new());
    let tenant = volume.tenant();
    volume.add(&tenant, "a").await.unwrap();
    let copy = volume.copy(&tenant, "copy.db").await;
    volume.add(&tenant, "b").await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (volume, tenant, stop) = (Arc::clone(&volume), tenant.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !stop.load(Ordering::Acquire) {
                    seen.push(volume.contents(&tenant).await);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                seen.push(volume.contents(&tenant).await);
                seen
            })
        })
        .collect();
    let maintenance = volume.fleet.begin_maintenance(&tenant).await.unwrap();
    maintenance.swap(&copy, fine).await.unwrap();
    drop(maintenance);
    stop.store(true, Ordering::Release);
    for reader in readers {
        let mut seen = reader.await.unwrap();
        seen.dedup();
        let (old, new) = (vec!["a".to_owned(), "b".to_owned()], vec!["a".to_owned()]);
        assert!(seen == [old, new.clone()] || seen == [new], "{seen:?}");
    }
}
