//! Whether the service wants traffic, and how many requests are at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

/// The state of the process as a whole.
#[derive(Debug)]
pub struct Lifecycle {
    leaving: CancellationToken,
    in_flight: Arc<AtomicUsize>,
    in_flight_max: usize,
}

/// One request at work; dropping it makes room for another.
#[derive(Debug)]
pub struct InFlight {
    count: Arc<AtomicUsize>,
}

impl Lifecycle {
    pub(crate) fn new(in_flight_max: usize) -> Self {
        Self { leaving: CancellationToken::new(), in_flight: Arc::default(), in_flight_max }
    }

    /// From now on `/ready` says no; requests are still served.
    pub fn begin_drain(&self) {
        self.leaving.cancel();
    }

    /// Whether the service is on its way out.
    pub fn is_draining(&self) -> bool {
        self.leaving.is_cancelled()
    }

    /// Cancelled when the service begins to leave.
    pub fn leaving(&self) -> CancellationToken {
        self.leaving.clone()
    }

    /// A place for one request; `None` when all are taken, which is when a caller is told to come back.
    pub fn enter(&self) -> Option<InFlight> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        // Made first: dropping it takes the place back.
        let place = InFlight { count: Arc::clone(&self.in_flight) };
        (before < self.in_flight_max).then_some(place)
    }

    /// Requests that may be at work at once.
    pub fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    /// Requests at work now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_house_refuses_until_somebody_leaves() {
        let lifecycle = Lifecycle::new(2);
        let first = lifecycle.enter().unwrap();
        let _second = lifecycle.enter().unwrap();
        assert!(lifecycle.enter().is_none());
        assert_eq!(lifecycle.in_flight(), 2);
        drop(first);
        assert!(lifecycle.enter().is_some());
    }
}
