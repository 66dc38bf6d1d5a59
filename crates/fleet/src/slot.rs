//! The place of one tenant's store: open or not, and a door through which one opener or closer goes at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use engine::{EngineError, Store, StoreOptions};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::FleetError;

/// After a failed open the tenant is refused for this long before the file is tried again, in milliseconds.
const FAILURE_LIFETIME_MS: i64 = 1_000;

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) database: PathBuf,
    open: RwLock<Option<Arc<OpenStore>>>,
    /// Held while opening, closing or removing: a file never has two handles at once.
    door: Mutex<Option<Failure>>,
    last_used_ms: AtomicI64,
    removed: AtomicBool,
}

/// An open store. Whoever holds the `Arc` pins it.
pub(crate) struct OpenStore {
    pub(crate) store: Store,
}

#[derive(Debug)]
struct Failure {
    error: FleetError,
    until_ms: i64,
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
        }
    }

    /// The store if it is open already.
    pub(crate) fn borrow(&self, now_ms: i64) -> Option<Arc<OpenStore>> {
        self.last_used_ms.store(now_ms, Ordering::Relaxed);
        self.open.read().clone()
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

    /// Opens the store, unless somebody else did meanwhile.
    pub(crate) async fn open(&self, options: StoreOptions) -> Result<Arc<OpenStore>, FleetError> {
        let mut failed = self.door.lock().await;
        if self.removed.load(Ordering::Acquire) {
            return Err(FleetError::Removed);
        }
        let now_ms = options.clock.now_ms();
        if let Some(open) = self.borrow(now_ms) {
            return Ok(open);
        }
        if let Some(failure) = failed.as_ref().filter(|failure| now_ms < failure.until_ms) {
            return Err(failure.error.clone());
        }
        let database = self.database.clone();
        let opened = tokio::task::spawn_blocking(move || {
            // A folder that is not there is a volume that is not mounted, not a new tenant.
            match database.parent() {
                Some(folder) if folder.is_dir() => Store::open(&database, options).map_err(FleetError::Open),
                _ => Err(FleetError::Missing),
            }
        })
        .await
        .unwrap_or_else(|panic| Err(FleetError::Open(EngineError::Internal(panic.to_string()))));
        match opened {
            Ok(store) => {
                *failed = None;
                let open = Arc::new(OpenStore { store });
                *self.open.write() = Some(Arc::clone(&open));
                Ok(open)
            }
            Err(error) => {
                metrics::counter!("engram_db_open_failures_total").increment(1);
                // A folder that appears is there at once; a file that does not open is not tried all the time.
                let lifetime_ms = match &error {
                    FleetError::Open(_) => FAILURE_LIFETIME_MS,
                    _ => 0,
                };
                *failed = Some(Failure { error: error.clone(), until_ms: now_ms + lifetime_ms });
                Err(error)
            }
        }
    }

    /// Closes the store if nobody borrows it. Returns whether it was open and is closed now.
    pub(crate) async fn close_if_free(&self) -> bool {
        let Ok(_door) = self.door.try_lock() else { return false };
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

    /// From now on nobody opens the store; who borrows it still may finish.
    pub(crate) fn mark_removed(&self) {
        self.removed.store(true, Ordering::Release);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}
