//! Work that nobody asked for, in stores that are closed: they are looked at, opened for it, and closed again behind it.

use std::path::Path;
use std::sync::Arc;

use engine::ModelIdentity;
use tenancy::TenantId;

use crate::slot::Slot;
use crate::swap::Files;
use crate::{Fleet, FleetError, Lease};

/// A borrowed store that goes back to how it was found.
#[derive(Debug)]
pub struct Visit {
    lease: Lease,
    found: Found,
}

/// How a visitor found a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Open,
    /// Nobody used it since this time unless the slot says otherwise.
    Closed {
        last_used_ms: i64,
    },
}

impl Fleet {
    /// How many memories of a tenant's closed store have no vector of `model`; `None` when the store is open or on its way
    /// to be, and when there is no file to ask. Whoever wants to open it waits for the answer, which is one of an index.
    ///
    /// # Errors
    /// [`FleetError::Open`].
    pub async fn pending_embeddings(
        &self,
        tenant: &TenantId,
        model: &ModelIdentity,
    ) -> Result<Option<u64>, FleetError> {
        let (slot, model) = (self.slot(tenant), model.clone());
        let count = move |database: &Path| {
            if !database.is_file() || Files::of(database).on_its_way().is_some() {
                return Ok(None);
            }
            engine::pending_embeddings_in(database, &model).map(Some)
        };
        match slot.ask_closed(count).await {
            Some(answer) => answer.map_err(FleetError::Open),
            None => Ok(None),
        }
    }

    /// Borrows a tenant's store for a while. No other store is closed to make room for it.
    ///
    /// # Errors
    /// Those of [`Fleet::store`].
    pub async fn visit(self: &Arc<Self>, tenant: &TenantId) -> Result<Visit, FleetError> {
        let slot = self.slot(tenant);
        let was_open = slot.is_open();
        let lease = self.borrow_or_open(tenant).await?;
        let found = match was_open {
            true => Found::Open,
            false => Found::Closed { last_used_ms: slot.last_used_ms() },
        };
        Ok(Visit { lease, found })
    }
}

impl Visit {
    /// The store.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Closes the store if it was closed before and nobody else came meanwhile; whether it did.
    pub async fn end(self) -> bool {
        let Self { lease, found } = self;
        let slot: Arc<Slot> = Arc::clone(&lease.slot);
        drop(lease);
        match found {
            Found::Closed { last_used_ms } if slot.last_used_ms() == last_used_ms => {
                slot.close_if_free().await
            }
            Found::Closed { .. } | Found::Open => false,
        }
    }
}
