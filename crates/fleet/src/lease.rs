//! A borrowed store: pinned while it is held, and the ways to work with it that do not block the runtime.

use std::sync::Arc;

use engine::{EngineError, Store};
use stdx::stage::stage;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};

use crate::FleetError;
use crate::slot::{OpenStore, Slot};
use crate::volume::Volume;

/// A tenant's store, borrowed. It stays open as long as this lives.
#[derive(Debug, Clone)]
pub struct Lease {
    pub(crate) slot: Arc<Slot>,
    pub(crate) open: Arc<OpenStore>,
    pub(crate) volume: Arc<Volume>,
    pub(crate) heavy: Arc<Semaphore>,
}

impl Lease {
    /// A look-up of a few rows, done at once on the calling thread: it takes microseconds, less than a hop to
    /// another thread and back.
    ///
    /// # Errors
    /// Whatever the store says.
    pub fn glance<T>(&self, read: impl FnOnce(&Store) -> Result<T, EngineError>) -> Result<T, FleetError> {
        read(&self.open.store).map_err(|error| self.slot.noticed(error))
    }

    /// Work of any length that changes nothing.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn read<T, F>(&self, work: F) -> Result<T, FleetError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    {
        self.work(stage!("read"), work).await
    }

    /// Work that writes and adds no bytes to speak of: deletes, also on a full volume.
    ///
    /// # Errors
    /// [`FleetError::Maintenance`] while the tenant is restored; whatever the store says.
    pub async fn remove<T, F>(&self, work: F) -> Result<T, FleetError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    {
        // Held until the work is done, even if nobody waits for it any more.
        let writing = self.slot.enter_write()?;
        self.work(stage!("write"), move |store| {
            let _writing = writing;
            work(store)
        })
        .await
    }

    /// Work that adds bytes.
    ///
    /// # Errors
    /// [`FleetError::VolumeFull`] when the volume has no room to spare, [`FleetError::Maintenance`] while the tenant is
    /// restored; whatever the store says.
    pub async fn write<T, F>(&self, work: F) -> Result<T, FleetError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    {
        if self.volume.is_nearly_full() {
            return Err(FleetError::VolumeFull);
        }
        self.remove(work).await
    }

    /// Work that keeps a core busy. As many run at once as there are cores, whoever asks; the others wait, so
    /// that cheap requests never wait behind them.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn read_heavily<T, F>(&self, work: F) -> Result<T, FleetError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    {
        let turn = Arc::clone(&self.heavy).acquire_owned().instrument(stage!("wait_for_core"));
        let permit = turn.await.map_err(|_| FleetError::Closed)?;
        self.read(move |store| {
            let _permit = permit;
            work(store)
        })
        .await
    }

    async fn work<T, F>(&self, stage: Span, work: F) -> Result<T, FleetError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, EngineError> + Send + 'static,
    {
        let open = Arc::clone(&self.open);
        match tokio::task::spawn_blocking(move || stage.in_scope(|| work(&open.store))).await {
            Ok(done) => done.map_err(|error| self.slot.noticed(error)),
            Err(panic) => Err(FleetError::Engine(EngineError::Internal(panic.to_string()))),
        }
    }
}
