//! Requests at work by tenant, so that one tenant's rush leaves room for the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tenancy::TenantId;

use crate::Refusal;

/// When a tenant with too many requests at work should try again.
const AFTER_OVERLOAD: Duration = Duration::from_secs(1);

/// The count of one tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct AtWork {
    count: Arc<AtomicUsize>,
}

/// A request at work in a tenant; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    count: Arc<AtomicUsize>,
}

/// The counts of all tenants; they outlive the seats that share them.
#[derive(Debug, Default)]
pub(crate) struct AllAtWork {
    tenants: Mutex<HashMap<TenantId, AtWork>>,
}

impl AtWork {
    /// A place among at most `max`.
    pub(crate) fn enter(&self, max: usize) -> Result<Place, Refusal> {
        let before = self.count.fetch_add(1, Ordering::AcqRel);
        // Made first: dropping it takes the place back.
        let place = Place { count: Arc::clone(&self.count) };
        if before < max { Ok(place) } else { Err(Refusal::Overloaded { retry_after: AFTER_OVERLOAD }) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AllAtWork {
    pub(crate) fn of(&self, tenant: &TenantId) -> AtWork {
        self.tenants.lock().entry(tenant.clone()).or_default().clone()
    }

    /// Drops counts that nobody holds.
    pub(crate) fn sweep(&self) {
        self.tenants.lock().retain(|_, at_work| Arc::strong_count(&at_work.count) > 1);
    }
}
