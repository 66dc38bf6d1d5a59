//! A ledger that takes everything and keeps nothing: for staging, where nobody is billed.

use std::collections::BTreeSet;
use std::pin::Pin;

use control::{ControlError, Recorded};
use tenancy::{UsageEvent, UsageSum};

use crate::{Ledger, metrics};

/// Adds up what comes, logs and measures the sums, and forgets the events.
#[derive(Debug, Default, Clone, Copy)]
pub struct DryRun;

impl Ledger for DryRun {
    fn record_usage<'a>(
        &'a self,
        events: Vec<UsageEvent>,
    ) -> Pin<Box<dyn Future<Output = Result<Recorded, ControlError>> + Send + 'a>> {
        let mut sum = UsageSum::default();
        for event in &events {
            sum += UsageSum::of(event);
        }
        let tenants: BTreeSet<_> = events.iter().map(|event| &event.tenant_id).collect();
        let UsageSum { requests, counters } = sum;
        tracing::info!(
            requests,
            tenants = tenants.len(),
            api_calls = counters.api_calls,
            search_queries = counters.search_queries,
            memories_created = counters.memories_created,
            storage_bytes_delta = counters.storage_bytes_delta,
            "usage, dry run: not in the ledger"
        );
        metrics::dry_run(requests);
        Box::pin(std::future::ready(Ok(Recorded { inserted: requests, ..Recorded::default() })))
    }
}
