//! Where usage events end up: whatever counts each request id at most once.

use std::pin::Pin;

use control::{Control, ControlError, Recorded};
use tenancy::UsageEvent;

/// Takes batches of events; taking one a second time changes nothing.
pub trait Ledger: Send + Sync {
    /// Records a batch, whole or not at all.
    fn record_usage<'a>(
        &'a self,
        events: Vec<UsageEvent>,
    ) -> Pin<Box<dyn Future<Output = Result<Recorded, ControlError>> + Send + 'a>>;
}

impl Ledger for Control {
    fn record_usage<'a>(
        &'a self,
        events: Vec<UsageEvent>,
    ) -> Pin<Box<dyn Future<Output = Result<Recorded, ControlError>> + Send + 'a>> {
        Box::pin(Self::record_usage(self, events))
    }
}
