//! What is on its way: events recorded that the ledger has not confirmed, summed by tenant and hour.

use std::collections::{BTreeMap, HashMap};

use control::UsageHour;
use jiff::Timestamp;
use parking_lot::Mutex;
use tenancy::{Counters, TenantId, UsageEvent, UsageSum};

/// The sums, shared by requests that add and the flusher that takes away.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    backlog: Mutex<Backlog>,
}

/// How much is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) events: u64,
    /// No event that waits is older.
    pub(crate) oldest: Option<Timestamp>,
}

/// The sums of one batch.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sums: HashMap<TenantId, Hours>,
    events: u64,
    newest: Option<Timestamp>,
}

/// First instants of hours, and what is waiting of each.
type Hours = BTreeMap<Timestamp, UsageSum>;

#[derive(Debug, Default)]
struct Backlog {
    tenants: HashMap<TenantId, Hours>,
    events: u64,
    oldest: Option<Timestamp>,
}

impl Unsent {
    /// Adds an event and returns how many wait now.
    pub(crate) fn add(&self, event: &UsageEvent) -> u64 {
        self.backlog.lock().add(event)
    }

    pub(crate) fn subtract(&self, sent: &Tally) {
        let mut backlog = self.backlog.lock();
        for (tenant, sent_hours) in &sent.sums {
            let Some(hours) = backlog.tenants.get_mut(tenant) else { continue };
            for (hour, sent_sum) in sent_hours {
                let Some(sum) = hours.get_mut(hour) else { continue };
                *sum -= *sent_sum;
                if sum.requests == 0 {
                    hours.remove(hour);
                }
            }
            if hours.is_empty() {
                backlog.tenants.remove(tenant);
            }
        }
        backlog.events = backlog.events.saturating_sub(sent.events);
        // The spool is sent in the order it was written, so what is left is younger than what was sent.
        backlog.oldest = if backlog.events == 0 { None } else { sent.newest.max(backlog.oldest) };
    }

    /// Starts over from what is known to wait: for when a part of the spool was lost, and with it what was added.
    pub(crate) fn start_over(&self, waiting: &[UsageEvent]) {
        let mut backlog = self.backlog.lock();
        *backlog = Backlog::default();
        for event in waiting {
            backlog.add(event);
        }
    }

    pub(crate) fn depth(&self) -> Depth {
        let backlog = self.backlog.lock();
        Depth { events: backlog.events, oldest: backlog.oldest }
    }

    pub(crate) fn of(&self, tenant: &TenantId) -> Counters {
        let backlog = self.backlog.lock();
        let mut total = Counters::default();
        for sum in backlog.tenants.get(tenant).into_iter().flat_map(BTreeMap::values) {
            total += sum.counters;
        }
        total
    }

    pub(crate) fn by_hour(&self, tenant: &TenantId) -> Vec<UsageHour> {
        let backlog = self.backlog.lock();
        let hours = backlog.tenants.get(tenant).into_iter().flatten();
        hours.map(|(&hour_start, &sum)| UsageHour { hour_start, sum }).collect()
    }
}

impl Backlog {
    fn add(&mut self, event: &UsageEvent) -> u64 {
        self.oldest = self.oldest.or(Some(event.occurred_at));
        self.events += 1;
        let hours = match self.tenants.get_mut(&event.tenant_id) {
            Some(hours) => hours,
            None => self.tenants.entry(event.tenant_id.clone()).or_default(),
        };
        *hours.entry(event.hour_start()).or_default() += UsageSum::of(event);
        self.events
    }
}

impl Tally {
    pub(crate) fn of(events: &[UsageEvent]) -> Self {
        let mut tally = Self::default();
        for event in events {
            let hours = tally.sums.entry(event.tenant_id.clone()).or_default();
            *hours.entry(event.hour_start()).or_default() += UsageSum::of(event);
            tally.events += 1;
            tally.newest = tally.newest.max(Some(event.occurred_at));
        }
        tally
    }

    /// The same events, leaving before older ones did.
    pub(crate) fn out_of_order(self) -> Self {
        Self { newest: None, ..self }
    }
}
