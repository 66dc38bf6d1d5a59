//! All tenants of one volume.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::{ModelIdentity, StoreOptions};
use parking_lot::{Mutex, RwLock};
use stdx::clock::SharedClock;
use stdx::stage::stage;
use tenancy::TenantId;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::holdings::Holdings;
use crate::maintenance::blocking;
use crate::migration::{Kept, Migrations};
use crate::slot::{Opening, Slot};
use crate::swap::Files;
use crate::volume::{Volume, VolumeSpace};
use crate::{FleetError, Lease, Maintenance, Quarantine, capacity, layout, quarantine};

/// Where copies on their way lie.
const SCRATCH: &str = "scratch";
/// How long a shutdown or a removal waits for borrowed stores.
const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// Between two looks at a store that is still borrowed.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// How a fleet works.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Tells the time to stores and to this.
    pub clock: SharedClock,
    /// The model whose vectors are in use, if it is known yet.
    pub model: Option<ModelIdentity>,
    /// Most stores open at once; from file descriptors and memory when `None`.
    pub stores_open_max: Option<usize>,
    /// A store nobody used for this long is closed by [`Fleet::close_idle`].
    pub idle: Duration,
}

/// The stores of all tenants on one volume.
#[derive(Debug)]
pub struct Fleet {
    pub(crate) root: PathBuf,
    pub(crate) clock: SharedClock,
    model: RwLock<Option<ModelIdentity>>,
    stores_open_max: usize,
    idle_ms: i64,
    slots: Mutex<HashMap<TenantId, Arc<Slot>>>,
    volume: Arc<Volume>,
    heavy: Arc<Semaphore>,
    migrations: Arc<Migrations>,
    closed: AtomicBool,
    evicting: AtomicBool,
}

impl Fleet {
    /// Prepares `root` (made if it is not there, for this user alone). No store is opened yet.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when the folder cannot be made.
    pub fn open(root: &Path, options: FleetOptions) -> Result<Arc<Self>, FleetError> {
        make_folder(&root.join("tenants"))?;
        // What an earlier process was at when it ended.
        match fs::remove_dir_all(root.join(SCRATCH)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FleetError::Folder(error.to_string()));
            }
            _ => {}
        }
        make_folder(&root.join(SCRATCH))?;
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Ok(Arc::new(Self {
            root: root.to_owned(),
            volume: Arc::new(Volume::of(root, Arc::clone(&options.clock))),
            clock: options.clock,
            model: RwLock::new(options.model),
            stores_open_max: options.stores_open_max.unwrap_or_else(capacity::stores_open_max),
            idle_ms: i64::try_from(options.idle.as_millis()).unwrap_or(i64::MAX),
            slots: Mutex::new(HashMap::new()),
            heavy: Arc::new(Semaphore::new(cores)),
            migrations: Arc::default(),
            closed: AtomicBool::new(false),
            evicting: AtomicBool::new(false),
        }))
    }

    /// Borrows a tenant's store, opening it if needed. Many callers at once open it once.
    ///
    /// # Errors
    /// [`FleetError::Missing`], [`FleetError::Open`], [`FleetError::Removed`], [`FleetError::Closed`]; other
    /// tenants are not affected.
    pub async fn store(self: &Arc<Self>, tenant: &TenantId) -> Result<Lease, FleetError> {
        let slot = self.slot(tenant);
        if let Some(open) = slot.borrow(self.clock.now_ms()).filter(|_| !slot.is_removed()) {
            return Ok(self.lease(slot, open));
        }
        let lease = self.borrow_or_open(tenant).await?;
        self.make_room();
        Ok(lease)
    }

    /// The same, without closing others that are too many then.
    pub(crate) async fn borrow_or_open(self: &Arc<Self>, tenant: &TenantId) -> Result<Lease, FleetError> {
        let slot = self.slot(tenant);
        if let Some(open) = slot.borrow(self.clock.now_ms()).filter(|_| !slot.is_removed()) {
            return Ok(self.lease(slot, open));
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(FleetError::Closed);
        }
        let opening = Opening {
            tenant: tenant.clone(),
            migrations: Arc::clone(&self.migrations),
            options: self.store_options(),
        };
        let opener = Arc::clone(&slot);
        // A task of its own: a caller that goes away must not leave a half-open handle behind.
        let opening = async move { opener.open(opening).await }.instrument(stage!("open_store"));
        let opened = tokio::spawn(opening).await;
        let open = opened.unwrap_or(Err(FleetError::Closed)).inspect_err(|error| {
            tracing::error!(tenant = %tenant, %error, "a tenant's store does not open");
        })?;
        Ok(self.lease(slot, open))
    }

    /// From now on no tenant's file is migrated before `keep` has kept it; what `keep` refuses stays as it is, and the tenant
    /// is out of reach until it does not. A restored file is not kept: it comes from where it would go.
    pub fn before_migration(&self, keep: impl Fn(TenantId, PathBuf) -> Kept + Send + Sync + 'static) {
        self.migrations.keep_by(Box::new(keep));
    }

    /// Tenants whose file is of an older schema than this program's; opening a store migrates it.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when the folders cannot be listed.
    pub async fn to_migrate(self: &Arc<Self>) -> Result<Vec<TenantId>, FleetError> {
        let fleet = Arc::clone(self);
        blocking(move || {
            let mut tenants = fleet.tenants_on_disk()?;
            // A file that cannot be asked is for whoever opens it.
            tenants.retain(|tenant| {
                engine::needs_migration(&layout::database(&fleet.root, tenant)).unwrap_or(false)
            });
            Ok(tenants)
        })
        .await
    }

    /// Refuses work that adds bytes while the volume is nearly full.
    ///
    /// # Errors
    /// [`FleetError::VolumeFull`].
    pub fn expect_room(&self) -> Result<(), FleetError> {
        if self.volume.is_nearly_full() { Err(FleetError::VolumeFull) } else { Ok(()) }
    }

    /// A folder on the volume of the stores for copies on their way; emptied at every start.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(SCRATCH)
    }

    /// From now on the tenant's writes are refused and its reads go on, until what is returned is dropped. Writes that
    /// work are waited for.
    ///
    /// # Errors
    /// [`FleetError::InMaintenance`] when somebody else restores the tenant, [`FleetError::Removed`].
    pub async fn begin_maintenance(&self, tenant: &TenantId) -> Result<Maintenance, FleetError> {
        let slot = self.slot(tenant);
        if slot.is_removed() {
            return Err(FleetError::Removed);
        }
        Maintenance::begin(slot, self.store_options(), Arc::clone(&self.clock)).await
    }

    /// Something that differs from what it was whenever the tenant's file may have changed; begins with `-` when there
    /// is no file. Costs three looks at the folder, and opens no database.
    pub fn change_stamp(&self, tenant: &TenantId) -> String {
        let database = layout::database(&self.root, tenant);
        if let Some(kept) = Files::of(&database).on_its_way() {
            // The tenant has a file, even if it stands elsewhere until somebody opens it.
            return format!("unfinished {kept}");
        }
        let mut wal = database.clone().into_os_string();
        wal.push("-wal");
        let stamp = |path: &Path| {
            let found = fs::metadata(path).ok().filter(|found| found.len() > 0);
            let changed = found.as_ref().and_then(|found| found.modified().ok());
            let changed = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            match (found, changed) {
                (Some(found), Some(changed)) => format!("{}@{}", found.len(), changed.as_nanos()),
                (_, _) => "-".to_owned(),
            }
        };
        format!("{} {}", stamp(&database), stamp(Path::new(&wal)))
    }

    /// Why a tenant's file is served to nobody; `None` when it is served.
    pub fn quarantine(&self, tenant: &TenantId) -> Option<Quarantine> {
        quarantine::find(&layout::tenant_folder(&self.root, tenant))
    }

    /// Lets a tenant out of quarantine; the next request opens its file again, and if that is still damaged, it is back.
    ///
    /// # Errors
    /// [`FleetError::Folder`].
    pub async fn release(&self, tenant: &TenantId) -> Result<(), FleetError> {
        let slot = self.slot(tenant);
        let still = || FleetError::Folder("the store is still in use".into());
        let shut = slot.shut().await.ok_or_else(still)?;
        let folder = layout::tenant_folder(&self.root, tenant);
        blocking(move || quarantine::lift(&folder).map_err(|error| FleetError::Folder(error.to_string())))
            .await?;
        shut.forget_damage();
        Ok(())
    }

    /// Makes the folder of a new tenant.
    ///
    /// # Errors
    /// [`FleetError::Folder`], [`FleetError::VolumeFull`].
    pub fn create_tenant_folder(&self, tenant: &TenantId) -> Result<(), FleetError> {
        if self.volume.is_nearly_full() {
            return Err(FleetError::VolumeFull);
        }
        make_folder(&layout::tenant_folder(&self.root, tenant))
    }

    /// What lies in a tenant's folder; nothing when there is none.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when it cannot be read.
    pub async fn holdings(&self, tenant: &TenantId) -> Result<Holdings, FleetError> {
        let folder = layout::tenant_folder(&self.root, tenant);
        let counted = tokio::task::spawn_blocking(move || Holdings::of(&folder)).await;
        let counted = counted.map_err(|panic| FleetError::Folder(panic.to_string()))?;
        counted.map_err(|error| FleetError::Folder(error.to_string()))
    }

    /// Removes everything a tenant stored, once nobody borrows it. Safe to repeat.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when files stay behind or the store is still borrowed after ten seconds.
    pub async fn remove_tenant(&self, tenant: &TenantId) -> Result<(), FleetError> {
        let slot = self.slot(tenant);
        slot.mark_removed();
        // Held to the end: a restore that is under way must not bring files back in between.
        let Ok(Some(_shut)) = tokio::time::timeout(DRAIN_WAIT, slot.shut()).await else {
            return Err(FleetError::Folder("the store is still in use".into()));
        };
        let folder = layout::tenant_folder(&self.root, tenant);
        let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(folder)).await;
        match removed {
            Ok(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FleetError::Folder(error.to_string()))
            }
            Ok(_) => Ok(()),
            Err(panic) => Err(FleetError::Folder(panic.to_string())),
        }
    }

    /// Most stores that should be open at once; after a rush there are more until the surplus is closed.
    pub fn stores_open_max(&self) -> usize {
        self.stores_open_max
    }

    /// Stores that are open now.
    pub fn stores_open(&self) -> usize {
        self.slots.lock().values().filter(|slot| slot.is_open()).count()
    }

    /// How much room the volume has, asked now.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when it cannot be asked.
    pub fn volume_space(&self) -> Result<VolumeSpace, FleetError> {
        self.volume.look().map_err(|error| FleetError::Folder(error.to_string()))
    }

    /// Tenants whose store did not open when it was last asked for, and why.
    pub fn failing(&self) -> Vec<(TenantId, FleetError)> {
        let slots = self.slots.lock();
        slots.iter().filter_map(|(id, slot)| Some((id.clone(), slot.failure()?))).collect()
    }

    /// Tenants whose store is open now, and a lease on each.
    pub fn open_stores(&self) -> Vec<(TenantId, Lease)> {
        let slots: Vec<_> =
            self.slots.lock().iter().map(|(id, slot)| (id.clone(), Arc::clone(slot))).collect();
        slots
            .into_iter()
            .filter_map(|(id, slot)| {
                let open = slot.borrow(slot.last_used_ms())?;
                Some((id, self.lease(slot, open)))
            })
            .collect()
    }

    /// Tenants that have a folder on this volume.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when the folders cannot be listed.
    pub fn tenants_on_disk(&self) -> Result<Vec<TenantId>, FleetError> {
        let read = |path: &Path| -> std::io::Result<Vec<fs::DirEntry>> { fs::read_dir(path)?.collect() };
        let failed = |error: std::io::Error| FleetError::Folder(error.to_string());
        let mut tenants = Vec::new();
        for group in read(&self.root.join("tenants")).map_err(failed)? {
            if group.path().is_dir() {
                let names = read(&group.path()).map_err(failed)?.into_iter().map(|entry| entry.file_name());
                tenants.extend(names.filter_map(|name| TenantId::parse(name.to_str()?).ok()));
            }
        }
        Ok(tenants)
    }

    /// The model from now on, for stores that are open and those that will be. Vectors of another model stay
    /// unused until their memories are embedded again.
    pub async fn use_model(&self, model: ModelIdentity) {
        *self.model.write() = Some(model.clone());
        for (tenant, lease) in self.open_stores() {
            let model = model.clone();
            if let Err(error) = lease.remove(move |store| store.use_model(model)).await {
                tracing::error!(tenant = %tenant, %error, "a store does not take the new model");
            }
        }
    }

    /// Closes stores nobody used for the idle time and those beyond the most that should be open; returns how many.
    pub async fn close_idle(&self) -> usize {
        let now_ms = self.clock.now_ms();
        let mut idle = self.open_slots();
        idle.retain(|slot| now_ms.saturating_sub(slot.last_used_ms()) >= self.idle_ms);
        let mut closed = close_all_free(idle).await;
        // Those that were all borrowed when room was to be made.
        closed += self.close_surplus().await;
        self.forget_closed();
        closed
    }

    /// Stops opening stores, waits for those in use, checkpoints and closes all.
    pub async fn close_all(&self) {
        self.closed.store(true, Ordering::Release);
        let slots: Vec<_> = self.slots.lock().values().cloned().collect();
        for slot in slots {
            if !close_soon(&slot).await {
                tracing::warn!("a store is still in use at shutdown");
            }
        }
        self.forget_closed();
    }

    pub(crate) fn slot(&self, tenant: &TenantId) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(tenant) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::new(layout::database(&self.root, tenant)));
        slots.insert(tenant.clone(), Arc::clone(&slot));
        slot
    }

    fn store_options(&self) -> StoreOptions {
        StoreOptions { clock: Arc::clone(&self.clock), model: self.model.read().clone() }
    }

    fn lease(&self, slot: Arc<Slot>, open: Arc<crate::slot::OpenStore>) -> Lease {
        Lease { slot, open, volume: Arc::clone(&self.volume), heavy: Arc::clone(&self.heavy) }
    }

    /// Closes the stores unused for longest when too many are open, off the request path.
    fn make_room(self: &Arc<Self>) {
        let open = self.stores_open();
        metrics::gauge!("engram_stores_open").set(open as f64);
        if open <= self.stores_open_max || self.evicting.swap(true, Ordering::AcqRel) {
            return;
        }
        let fleet = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let closed = fleet.close_surplus().await;
                fleet.evicting.store(false, Ordering::Release);
                // Whoever opened one in the meantime has left it to this task.
                let more = closed > 0 && fleet.stores_open() > fleet.stores_open_max;
                if !more || fleet.evicting.swap(true, Ordering::AcqRel) {
                    break;
                }
            }
            fleet.forget_closed();
        });
    }

    /// Closes stores beyond the most that should be open, those unused for longest first, and returns how many.
    async fn close_surplus(&self) -> usize {
        let mut open = self.open_slots();
        let surplus = open.len().saturating_sub(self.stores_open_max);
        if surplus == 0 {
            return 0;
        }
        // A tenth more than needed, so that the next opening does not sort everything again.
        let wanted = surplus + self.stores_open_max / 10;
        open.sort_by_key(|slot| slot.last_used_ms());
        let mut closed = 0;
        for slot in open {
            if closed == wanted {
                break;
            }
            closed += usize::from(slot.close_if_free().await);
        }
        closed
    }

    fn open_slots(&self) -> Vec<Arc<Slot>> {
        self.slots.lock().values().filter(|slot| slot.is_open()).cloned().collect()
    }

    /// Drops the slots of stores that are closed and that nobody is about to open.
    fn forget_closed(&self) {
        let mut slots = self.slots.lock();
        slots.retain(|_, slot| {
            slot.is_open() || slot.is_removed() || slot.failure().is_some() || Arc::strong_count(slot) > 1
        });
        metrics::gauge!("engram_stores_open")
            .set(slots.values().filter(|slot| slot.is_open()).count() as f64);
    }
}

async fn close_all_free(slots: Vec<Arc<Slot>>) -> usize {
    let mut closed = 0;
    for slot in slots {
        closed += usize::from(slot.close_if_free().await);
    }
    closed
}

/// Whether the store is closed, after waiting for those who borrow it.
async fn close_soon(slot: &Slot) -> bool {
    let closing = async {
        while slot.is_open() && !slot.close_if_free().await {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    tokio::time::timeout(DRAIN_WAIT, closing).await.is_ok()
}

fn make_folder(folder: &Path) -> Result<(), FleetError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| FleetError::Folder(format!("{}: {error}", folder.display())))
}
