//! A disk that is full in the middle of a restore: the restore is refused, and the tenant is as it was.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use engine::{Bounds, Draft, EngineError, ListQuery, NewMemory};
use fleet::{Fleet, FleetError, FleetOptions};
use stdx::clock::SystemClock;
use tenancy::TenantId;

/// A file system of this size, mounted as long as this lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn of(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success(), "a small file system is mounted by root only");
        Self(folder)
    }

    /// Leaves this much room.
    fn fill(&self, spare_kib: u64) {
        fs::remove_file(self.filler()).ok();
        let found = rustix::fs::statvfs(self.0.path()).unwrap();
        let bytes = (found.f_bavail * found.f_frsize).saturating_sub(spare_kib * 1_024);
        fs::write(self.filler(), vec![1; usize::try_from(bytes).unwrap()]).unwrap();
    }

    fn filler(&self) -> std::path::PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn open(root: &Path) -> Arc<Fleet> {
    let options = FleetOptions {
        clock: SystemClock::shared(),
        model: None,
        stores_open_max: None,
        idle: Duration::from_secs(300),
    };
    Fleet::open(root, options).unwrap()
}

async fn add(fleet: &Arc<Fleet>, tenant: &TenantId, content: &str) -> Result<(), FleetError> {
    let memory = NewMemory { content: content.into(), ..NewMemory::default() };
    let draft = Draft { memory, embedded: None };
    // Not `write`, which would see from afar that the disk is nearly full.
    let lease = fleet.store(tenant).await?;
    lease.remove(|store| store.create(vec![draft], None, Bounds::NONE)).await.map(drop)
}

async fn contents(fleet: &Arc<Fleet>, tenant: &TenantId) -> Vec<String> {
    let query = ListQuery { limit: 100, ..ListQuery::default() };
    let lease = fleet.store(tenant).await.unwrap();
    let page = lease.read(move |store| store.list(&query)).await.unwrap();
    let mut contents: Vec<_> = page.items.into_iter().map(|memory| memory.content).collect();
    contents.sort();
    contents
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a small file system, which only root can"]
async fn a_full_disk_refuses_a_restore_and_harms_nobody() {
    let disk = SmallDisk::of("8m");
    let root = disk.0.path().join("volume");
    fs::create_dir(&root).unwrap();
    let tenant = TenantId::parse("ten_00000000000000000000000000000007").unwrap();
    let fleet = open(&root);
    fleet.create_tenant_folder(&tenant).unwrap();
    add(&fleet, &tenant, "a").await.unwrap();
    let (mut refused, mut restored) = (0, 0);
    for spare_kib in (0..200).step_by(4) {
        let copy = fleet.scratch().join("copy.db");
        let into = copy.clone();
        let lease = fleet.store(&tenant).await.unwrap();
        lease.read(move |store| store.snapshot(&into)).await.unwrap();
        drop(lease);
        let content = format!("b {spare_kib:03}");
        add(&fleet, &tenant, &content).await.unwrap();
        let had = contents(&fleet, &tenant).await;
        let maintenance = fleet.begin_maintenance(&tenant).await.unwrap();
        disk.fill(spare_kib);
        let outcome = maintenance.swap(&copy, |store| store.keep_ids_above(1_000)).await;
        drop(maintenance);
        fs::remove_file(disk.filler()).unwrap();
        let found = contents(&fleet, &tenant).await;
        let replaced = fleet.replaced(&tenant).await.unwrap().len();
        match outcome {
            Ok(_) => {
                restored += 1;
                assert_eq!(found.len(), had.len() - 1, "{spare_kib} KiB to spare");
                assert_eq!(replaced, 1);
                fleet.remove_replaced(&tenant, i64::MAX).await.unwrap();
            }
            Err(error) => {
                refused += 1;
                assert_eq!((found, replaced), (had, 0), "{spare_kib} KiB to spare: {error}");
            }
        }
        add(&fleet, &tenant, &format!("c {spare_kib:03}")).await.unwrap();
        fs::remove_file(&copy).ok();
    }
    assert!(refused > 0 && restored > 0, "{refused} refused, {restored} restored");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a small file system, which only root can"]
async fn a_copy_that_does_not_fit_leaves_nothing_behind() {
    let disk = SmallDisk::of("4m");
    let root = disk.0.path().join("volume");
    fs::create_dir(&root).unwrap();
    let tenant = TenantId::parse("ten_00000000000000000000000000000007").unwrap();
    let fleet = open(&root);
    fleet.create_tenant_folder(&tenant).unwrap();
    add(&fleet, &tenant, "a").await.unwrap();
    for spare_kib in [0, 4, 60, 120] {
        disk.fill(spare_kib);
        let copy = fleet.scratch().join("copy.db");
        let into = copy.clone();
        let lease = fleet.store(&tenant).await.unwrap();
        let refused = lease.read(move |store| store.snapshot(&into)).await;
        assert!(matches!(refused, Err(FleetError::Engine(EngineError::Disk(_)))), "{refused:?}");
        assert!(!copy.exists(), "{spare_kib} KiB to spare");
        assert_eq!(contents(&fleet, &tenant).await, ["a"]);
    }
}
