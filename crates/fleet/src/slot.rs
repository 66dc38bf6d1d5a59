//! The place of one tenant's store: open or not, and a door through which one opener or closer goes at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use engine::{EngineError, Store, StoreOptions};
use parking_lot::RwLock;
use tenancy::TenantId;
use tokio::sync::{Mutex, MutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use crate::FleetError;
use crate::migration::Migrations;
use crate::quarantine::{self, Quarantine};
use crate::swap::Files;

/// After a failed open the tenant is refused for this long before the file is tried again, in milliseconds.
const FAILURE_LIFETIME_MS: i64 = 1_000;
/// The same after its file could not be kept before a migration, which took reading all of it.
const NOT_KEPT_LIFETIME_MS: i64 = 10_000;
/// The longest wait for those who borrow a store that is to be closed: the longest a request takes.
const CLOSE_WAIT: Duration = Duration::from_secs(40);
/// Between two looks.
const CLOSE_LOOK: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) database: PathBuf,
    open: RwLock<Option<Arc<OpenStore>>>,
    /// Held while opening, closing or removing: a file never has two handles at once.
    door: Mutex<Option<Failure>>,
    last_used_ms: AtomicI64,
    removed: AtomicBool,
    /// Nobody new gets the open store: it is about to be replaced, or it is damaged.
    withheld: AtomicBool,
    /// Somebody restores the tenant.
    in_maintenance: AtomicBool,
    /// Every write holds it for reading; a restore holds it for writing.
    writes: Arc<tokio::sync::RwLock<()>>,
}

/// Held by a write while it works.
pub(crate) type Writing = OwnedRwLockReadGuard<()>;
/// Held while no write may work.
pub(crate) type NoWrites = OwnedRwLockWriteGuard<()>;

/// An open store. Whoever holds the `Arc` pins it.
pub(crate) struct OpenStore {
    pub(crate) store: Store,
}

#[derive(Debug)]
struct Failure {
    error: FleetError,
    until_ms: i64,
}

/// A closed store whose door is held: nobody opens it until this is gone.
pub(crate) struct Shut<'a> {
    slot: &'a Slot,
    door: MutexGuard<'a, Option<Failure>>,
    withheld_before: bool,
}

impl Shut<'_> {
    /// Opens the file that is there now, without letting anybody in yet.
    pub(crate) async fn try_open(&self, options: StoreOptions) -> Result<Store, EngineError> {
        let database = self.slot.database.clone();
        let opened = tokio::task::spawn_blocking(move || Store::open(&database, options)).await;
        opened.unwrap_or_else(|panic| Err(EngineError::Internal(panic.to_string())))
    }

    /// The damage that was noticed is no reason any more to let nobody in.
    pub(crate) fn forget_damage(mut self) {
        *self.door = None;
        self.withheld_before = false;
    }

    /// Lets everybody in to `store`.
    pub(crate) fn open_with(mut self, store: Store) {
        *self.door = None;
        *self.slot.open.write() = Some(Arc::new(OpenStore { store }));
        self.withheld_before = false;
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        // Damage that was noticed before is still there.
        self.slot.withheld.store(self.withheld_before, Ordering::Release);
    }
}

/// Whose file is opened, and what is done before it is migrated.
pub(crate) struct Opening {
    pub(crate) tenant: TenantId,
    pub(crate) migrations: Arc<Migrations>,
    pub(crate) options: StoreOptions,
}

fn open_database(database: &Path, opening: Opening) -> Result<Store, FleetError> {
    // A folder that is not there is a volume that is not mounted, not a new tenant.
    let folder = database.parent().filter(|folder| folder.is_dir()).ok_or(FleetError::Missing)?;
    Files::of(database).recover().map_err(|error| FleetError::Folder(error.to_string()))?;
    if let Some(quarantine) = quarantine::find(folder) {
        return Err(FleetError::Quarantined(quarantine.reason));
    }
    let Opening { tenant, migrations, options } = opening;
    migrations.open(&tenant, database, || Store::open(database, options).map_err(FleetError::Open))
}

impl std::fmt::Debug for OpenStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenStore")
    }
}

impl Slot {
    pub(crate) fn new(database: PathBuf) -> Self {
        Self {
            database,
            open: RwLock::new(None),
            door: Mutex::new(None),
            last_used_ms: AtomicI64::new(0),
            removed: AtomicBool::new(false),
            withheld: AtomicBool::new(false),
            in_maintenance: AtomicBool::new(false),
            writes: Arc::default(),
        }
    }

    /// The store if it is open already.
    pub(crate) fn borrow(&self, now_ms: i64) -> Option<Arc<OpenStore>> {
        self.last_used_ms.store(now_ms, Ordering::Relaxed);
        let open = self.open.read();
        if self.withheld.load(Ordering::Acquire) { None } else { open.clone() }
    }

    /// A write begins; refused while the tenant is restored.
    pub(crate) fn enter_write(&self) -> Result<Writing, FleetError> {
        Arc::clone(&self.writes).try_read_owned().map_err(|_| FleetError::Maintenance)
    }

    /// Whether the maintenance is the caller's, and not somebody else's.
    pub(crate) fn begin_maintenance(&self) -> bool {
        !self.in_maintenance.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_maintenance(&self) {
        self.in_maintenance.store(false, Ordering::Release);
    }

    /// From now on no write begins; those that work are waited for.
    pub(crate) async fn stop_writes(&self) -> NoWrites {
        Arc::clone(&self.writes).write_owned().await
    }

    /// An error on its way to a caller. If it says that the file is damaged, nobody gets the store any more.
    pub(crate) fn noticed(&self, error: EngineError) -> FleetError {
        if let EngineError::Damaged(reason) = &error
            && !self.withheld.swap(true, Ordering::AcqRel)
        {
            self.put_into_quarantine(reason);
        }
        FleetError::Engine(error)
    }

    fn put_into_quarantine(&self, reason: &str) {
        tracing::error!(database = %self.database.display(), reason, "a damaged store is served to nobody any more");
        metrics::counter!("engram_db_open_failures_total").increment(1);
        let since_ms = self.last_used_ms();
        let folder = self.database.parent().unwrap_or(&self.database);
        if let Err(error) = quarantine::put(folder, &Quarantine { since_ms, reason: reason.to_owned() }) {
            tracing::error!(%error, "the quarantine of a store is not on record");
        }
    }

    /// Keeps everybody from opening the store, and closes it once nobody borrows it any more.
    pub(crate) async fn shut(&self) -> Option<Shut<'_>> {
        let door = self.door.lock().await;
        let before = self.withheld.swap(true, Ordering::AcqRel);
        let mut shut = Shut { slot: self, door, withheld_before: before };
        let closing = async {
            while self.is_open() {
                if !self.close(&mut shut.door).await {
                    tokio::time::sleep(CLOSE_LOOK).await;
                }
            }
        };
        let closed = tokio::time::timeout(CLOSE_WAIT, closing).await.is_ok();
        closed.then_some(shut)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.read().is_some()
    }

    /// Why it did not open when it was last asked for; `None` while somebody tries again.
    pub(crate) fn failure(&self) -> Option<FleetError> {
        Some(self.door.try_lock().ok()?.as_ref()?.error.clone())
    }

    pub(crate) fn last_used_ms(&self) -> i64 {
        self.last_used_ms.load(Ordering::Relaxed)
    }

    /// Asks the file something while nobody has it open and nobody can open or replace it; `None` when somebody has or is
    /// about to.
    pub(crate) async fn ask_closed<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Path) -> Result<T, EngineError> + Send + 'static,
    ) -> Option<Result<T, EngineError>> {
        let _door = self.door.try_lock().ok()?;
        if self.is_open() || self.is_removed() {
            return None;
        }
        let database = self.database.clone();
        let answer = tokio::task::spawn_blocking(move || ask(&database)).await;
        Some(answer.unwrap_or_else(|panic| Err(EngineError::Internal(panic.to_string()))))
    }

    /// Opens the store, unless somebody else did meanwhile.
    pub(crate) async fn open(&self, opening: Opening) -> Result<Arc<OpenStore>, FleetError> {
        let mut failed = self.door.lock().await;
        if self.removed.load(Ordering::Acquire) {
            return Err(FleetError::Removed);
        }
        let now_ms = opening.options.clock.now_ms();
        if let Some(open) = self.borrow(now_ms) {
            return Ok(open);
        }
        if let Some(failure) = failed.as_ref().filter(|failure| now_ms < failure.until_ms) {
            return Err(failure.error.clone());
        }
        let database = self.database.clone();
        let opened = tokio::task::spawn_blocking(move || open_database(&database, opening))
            .await
            .unwrap_or_else(|panic| Err(FleetError::Open(EngineError::Internal(panic.to_string()))));
        match opened {
            Ok(store) => {
                *failed = None;
                self.withheld.store(false, Ordering::Release);
                let open = Arc::new(OpenStore { store });
                *self.open.write() = Some(Arc::clone(&open));
                Ok(open)
            }
            Err(FleetError::Open(EngineError::Damaged(reason))) => {
                self.put_into_quarantine(&reason);
                Err(FleetError::Quarantined(reason))
            }
            Err(error @ FleetError::Quarantined(_)) => Err(error),
            Err(error) => {
                metrics::counter!("engram_db_open_failures_total").increment(1);
                // A folder that appears is there at once; a file that does not open is not tried all the time.
                let lifetime_ms = match &error {
                    FleetError::Open(_) => FAILURE_LIFETIME_MS,
                    FleetError::NotKept(_) => NOT_KEPT_LIFETIME_MS,
                    _ => 0,
                };
                *failed = Some(Failure { error: error.clone(), until_ms: now_ms + lifetime_ms });
                Err(error)
            }
        }
    }

    /// Closes the store if nobody borrows it. Returns whether it was open and is closed now.
    pub(crate) async fn close_if_free(&self) -> bool {
        let Ok(mut door) = self.door.try_lock() else { return false };
        self.close(&mut door).await
    }

    async fn close(&self, _door: &mut MutexGuard<'_, Option<Failure>>) -> bool {
        let free = {
            let mut open = self.open.write();
            match open.take() {
                Some(store) => match Arc::try_unwrap(store) {
                    Ok(free) => Some(free),
                    Err(pinned) => {
                        *open = Some(pinned);
                        None
                    }
                },
                None => None,
            }
        };
        match free {
            Some(free) => {
                let _ = tokio::task::spawn_blocking(move || {
                    if let Err(error) = free.store.checkpoint() {
                        tracing::warn!(%error, "checkpoint before closing a store");
                    }
                    drop(free);
                })
                .await;
                true
            }
            None => false,
        }
    }

    /// Whether the note of a quarantine keeps everybody out.
    pub(crate) fn quarantine(&self) -> Option<Quarantine> {
        quarantine::find(self.database.parent()?)
    }

    /// From now on nobody opens the store; who borrows it still may finish.
    pub(crate) fn mark_removed(&self) {
        self.removed.store(true, Ordering::Release);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}
