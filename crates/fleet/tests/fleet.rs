//! Many tenants on one volume: each opens once, closes when idle, fails alone, and goes without a trace.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{Bounds, Draft, Embedded, ModelIdentity, NewMemory, Store};
use fleet::{Fleet, FleetError, FleetOptions, Lease};
use jiff::Timestamp;
use stdx::clock::{Clock, ManualClock};
use tenancy::{RequestId, TenantId};

struct Volume {
    fleet: Arc<Fleet>,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl Volume {
    fn new(stores_open_max: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_second(1_790_000_000).unwrap());
        let options = FleetOptions {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            model: None,
            stores_open_max: Some(stores_open_max),
            idle: Duration::from_secs(300),
        };
        Self { fleet: Fleet::open(folder.path(), options).unwrap(), clock, folder }
    }

    fn tenant(&self) -> TenantId {
        let tenant = TenantId::from_uuid(RequestId::at(self.clock.now()).as_uuid());
        self.fleet.create_tenant_folder(&tenant).unwrap();
        tenant
    }

    fn folder_of(&self, tenant: &TenantId) -> PathBuf {
        let groups = fs::read_dir(self.folder.path().join("tenants")).unwrap().flatten();
        groups.map(|group| group.path().join(tenant.as_str())).find(|path| path.is_dir()).unwrap()
    }

    fn database(&self, tenant: &TenantId) -> PathBuf {
        self.folder_of(tenant).join("engram.db")
    }
}

async fn store_one(lease: &Lease) -> i64 {
    let memory = NewMemory { content: "x".into(), ..NewMemory::default() };
    let create = |store: &Store| store.create(vec![Draft { memory, embedded: None }], None, Bounds::NONE);
    lease.write(create).await.unwrap().items[0].memory.id
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_open_a_store_once_and_share_its_writer() {
    let volume = Volume::new(10);
    let tenant = volume.tenant();
    let callers = (0..50).map(|_| {
        let (fleet, tenant) = (Arc::clone(&volume.fleet), tenant.clone());
        tokio::spawn(async move { store_one(&fleet.store(&tenant).await.unwrap()).await })
    });
    let mut ids = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        ids.push(caller.await.unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=50).collect::<Vec<_>>());
    assert_eq!(volume.fleet.open_stores().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_store_is_closed_and_a_borrowed_one_is_not() {
    let volume = Volume::new(10);
    let (idle, borrowed) = (volume.tenant(), volume.tenant());
    store_one(&volume.fleet.store(&idle).await.unwrap()).await;
    let lease = volume.fleet.store(&borrowed).await.unwrap();
    assert_eq!(volume.fleet.close_idle().await, 0);
    volume.clock.advance_ms(300_000);
    assert_eq!(volume.fleet.close_idle().await, 1);
    let wal = volume.database(&idle).with_extension("db-wal");
    assert!(fs::metadata(wal).map_or(0, |wal| wal.len()) == 0, "a closed store leaves no WAL");
    store_one(&lease).await;
    assert_eq!(store_one(&volume.fleet.store(&idle).await.unwrap()).await, 2, "and opens again");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_cap_the_store_unused_for_longest_makes_room() {
    let volume = Volume::new(10);
    for _ in 0..30 {
        let tenant = volume.tenant();
        volume.clock.advance_ms(1);
        store_one(&volume.fleet.store(&tenant).await.unwrap()).await;
    }
    for _ in 0..200 {
        if volume.fleet.open_stores().len() <= 11 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} stores are open", volume.fleet.open_stores().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rush_no_more_stay_open_than_the_cap() {
    let volume = Arc::new(Volume::new(10));
    // The ones unused for longest are borrowed: others have to go instead of them.
    let mut borrowed = Vec::new();
    for _ in 0..5 {
        borrowed.push(volume.fleet.store(&volume.tenant()).await.unwrap());
    }
    volume.clock.advance_ms(1);
    let rush: Vec<_> = (0..120)
        .map(|_| {
            let (volume, tenant) = (Arc::clone(&volume), volume.tenant());
            tokio::spawn(async move { store_one(&volume.fleet.store(&tenant).await.unwrap()).await })
        })
        .collect();
    for caller in rush {
        caller.await.unwrap();
    }
    for _ in 0..3_000 {
        if volume.fleet.stores_open() <= 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The callers of the last moments may have been borrowing still: the next look at idle stores ends that.
    assert!(volume.fleet.stores_open() <= 20, "{} are open", volume.fleet.stores_open());
    volume.fleet.close_idle().await;
    assert!((5..=10).contains(&volume.fleet.stores_open()), "{} are open", volume.fleet.stores_open());
    drop(borrowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_fails_alone_and_recovers_when_mended() {
    let volume = Volume::new(10);
    let (sick, well) = (volume.tenant(), volume.tenant());
    fs::write(volume.database(&sick), b"this is no database, but it is long enough to look like one")
        .unwrap();
    for _ in 0..3 {
        assert!(matches!(volume.fleet.store(&sick).await, Err(FleetError::Quarantined(_))));
    }
    store_one(&volume.fleet.store(&well).await.unwrap()).await;
    fs::remove_file(volume.database(&sick)).unwrap();
    volume.fleet.release(&sick).await.unwrap();
    store_one(&volume.fleet.store(&sick).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_a_folder_is_not_made_up() {
    let volume = Volume::new(10);
    let unknown = TenantId::from_uuid(RequestId::at(volume.clock.now()).as_uuid());
    assert!(matches!(volume.fleet.store(&unknown).await, Err(FleetError::Missing)));
    assert!(volume.fleet.tenants_on_disk().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_tenant_leaves_nothing_and_cannot_be_opened() {
    let volume = Volume::new(10);
    let tenant = volume.tenant();
    store_one(&volume.fleet.store(&tenant).await.unwrap()).await;
    assert_eq!(volume.fleet.tenants_on_disk().unwrap(), std::slice::from_ref(&tenant));
    volume.fleet.remove_tenant(&tenant).await.unwrap();
    volume.fleet.remove_tenant(&tenant).await.unwrap();
    assert!(volume.fleet.tenants_on_disk().unwrap().is_empty());
    assert!(matches!(volume.fleet.store(&tenant).await, Err(FleetError::Removed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_fleet_has_written_everything_and_opens_nothing() {
    let volume = Volume::new(10);
    let tenant = volume.tenant();
    store_one(&volume.fleet.store(&tenant).await.unwrap()).await;
    volume.fleet.close_all().await;
    assert!(matches!(volume.fleet.store(&tenant).await, Err(FleetError::Closed)));
    let wal = volume.database(&tenant).with_extension("db-wal");
    assert!(fs::metadata(wal).map_or(0, |wal| wal.len()) == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_store_is_an_error_and_the_store_lives_on() {
    let volume = Volume::new(10);
    let lease = volume.fleet.store(&volume.tenant()).await.unwrap();
    let failed = lease.read(|_| -> Result<(), _> { panic!("a defect") }).await;
    assert!(matches!(failed, Err(FleetError::Engine(engine::EngineError::Internal(_)))));
    store_one(&lease).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visited_store_goes_back_to_how_it_was_found_unless_somebody_came_meanwhile() {
    let volume = Volume::new(1);
    let (open, closed) = (volume.tenant(), volume.tenant());
    store_one(&volume.fleet.store(&closed).await.unwrap()).await;
    volume.clock.advance_ms(300_000);
    volume.fleet.close_idle().await;
    store_one(&volume.fleet.store(&open).await.unwrap()).await;
    let visit = volume.fleet.visit(&open).await.unwrap();
    assert!(!visit.end().await, "it was open");

    let visit = volume.fleet.visit(&closed).await.unwrap();
    assert_eq!(visit.lease().glance(Store::tally).unwrap().memories, 1);
    assert_eq!(volume.fleet.stores_open(), 2, "nobody makes room for a visitor");
    assert!(visit.end().await);
    assert_eq!(volume.fleet.stores_open(), 1);

    let visit = volume.fleet.visit(&closed).await.unwrap();
    volume.clock.advance_ms(1);
    let other = volume.fleet.store(&closed).await.unwrap();
    drop(other);
    assert!(!visit.end().await, "somebody uses it now");
    volume.fleet.close_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_is_asked_what_waits_for_vectors_without_being_opened() {
    let volume = Volume::new(10);
    let (tenant, empty) = (volume.tenant(), volume.tenant());
    let model = |name: &str| ModelIdentity { name: name.into(), revision: "1".into(), dimensions: 2 };
    let lease = volume.fleet.store(&tenant).await.unwrap();
    let id = store_one(&lease).await;
    store_one(&lease).await;
    let vector = Embedded { model: model("a"), values: vec![1.0, 0.0] };
    lease
        .write(move |store| {
            store.use_model(vector.model.clone()).and_then(|()| store.store_embeddings(vec![(id, 1, vector)]))
        })
        .await
        .unwrap();
    drop(lease);
    let pending = async |tenant: &TenantId, name: &str| {
        volume.fleet.pending_embeddings(tenant, &model(name)).await.unwrap()
    };
    assert_eq!(pending(&tenant, "a").await, None, "it is open");
    volume.clock.advance_ms(300_000);
    assert_eq!(volume.fleet.close_idle().await, 1);
    assert_eq!((pending(&tenant, "a").await, pending(&tenant, "b").await), (Some(1), Some(2)));
    assert_eq!(pending(&empty, "a").await, None, "there is no file");
    let files = fs::read_dir(volume.database(&tenant).parent().unwrap()).unwrap();
    let sidecar = |name: &str| name.ends_with("-wal") || name.ends_with("-shm");
    assert!(
        !files.flatten().any(|file| sidecar(&file.file_name().to_string_lossy())),
        "the question leaves nothing"
    );
    assert_eq!(volume.fleet.stores_open(), 0);
    // As a process that was killed leaves it: a third memory in the log alone.
    let lease = volume.fleet.store(&tenant).await.unwrap();
    store_one(&lease).await;
    let (killed, database) = (volume.tenant(), volume.database(&tenant));
    for ending in ["", "-wal"] {
        let name = format!("engram.db{ending}");
        let to = volume.folder_of(&killed).join(&name);
        fs::copy(database.with_file_name(&name), to).unwrap();
    }
    drop(lease);
    assert_eq!(pending(&killed, "b").await, Some(3));
    volume.clock.advance_ms(300_000);
    volume.fleet.close_idle().await;
    fs::write(volume.database(&tenant), "not a database, and long enough to be looked at").unwrap();
    assert!(volume.fleet.pending_embeddings(&tenant, &model("a")).await.is_err());
}
