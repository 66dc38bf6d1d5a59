//! API calls by UTC day: reserved one by one before the work, given back when the failure was ours.
//!
//! What is stored is counted where it is stored, in the tenant's own file; this is the one quota that no file knows.

use std::collections::HashMap;
use std::sync::Arc;

use control::{TenantWithLimits, UsageDay};
use parking_lot::{Mutex, RwLock};
use tenancy::{Operation, TenantId};

use crate::{Enforcement, Gateway, Refusal, metrics};

const DAY_MS: i64 = 86_400_000;

/// How many calls a tenant made today, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct CallsToday {
    today: Mutex<Today>,
    /// Shared while a call goes on record and is counted as settled; alone while what is on record is read. So a
    /// reading has seen exactly the calls that are counted as settled.
    recording: RwLock<()>,
}

#[derive(Debug, Default)]
struct Today {
    /// Days since 1970, in UTC.
    day: i64,
    /// Calls admitted here that are charged or under way.
    here: u64,
    /// Those of them that are on record.
    settled: u64,
    /// Calls of other processes and of earlier ones, by the last reading of the ledger. A reading that saw a batch
    /// twice on its way is put right by the next one.
    elsewhere: u64,
}

/// One call that was counted before it was made.
#[derive(Debug)]
pub(crate) struct Reserved {
    calls: Arc<CallsToday>,
    day: i64,
}

impl CallsToday {
    /// Counts one call of `day`, unless `limit` are counted already.
    fn reserve(self: &Arc<Self>, day: i64, limit: Option<u64>) -> Result<Reserved, u64> {
        let mut today = self.today.lock();
        today.turn_to(day);
        if let Some(limit) = limit
            && today.used() >= limit
        {
            return Err(today.used());
        }
        today.here += 1;
        Ok(Reserved { calls: Arc::clone(self), day: today.day })
    }

    /// What `read` gives, and how many calls of `day` made here it has seen on record.
    fn with_settled<T>(&self, day: i64, read: impl FnOnce() -> T) -> (T, u64) {
        let _alone = self.recording.write();
        let seen = read();
        let today = self.today.lock();
        (seen, if today.day == day { today.settled } else { 0 })
    }

    /// Takes over how many calls of `day` were made elsewhere. What was admitted here counts whatever it says.
    fn learn(&self, day: i64, elsewhere: u64) {
        let mut today = self.today.lock();
        today.turn_to(day);
        if today.day == day {
            today.elsewhere = elsewhere;
        }
    }

    fn used(&self, day: i64) -> u64 {
        let today = self.today.lock();
        if today.day == day { today.used() } else { 0 }
    }
}

impl Today {
    fn used(&self) -> u64 {
        self.here + self.elsewhere
    }

    /// A clock that steps back does not bring yesterday's calls again.
    fn turn_to(&mut self, day: i64) {
        if day > self.day {
            *self = Self { day, ..Self::default() };
        }
    }
}

impl Reserved {
    /// Ends the call: `record` puts it on record at `ended_ms`, charged or not. One that is not is given back.
    pub(crate) fn settle(self, charged: bool, ended_ms: i64, record: impl FnOnce()) {
        let _with_others = self.calls.recording.read();
        record();
        let mut today = self.calls.today.lock();
        today.turn_to(day_of(ended_ms));
        match (today.day == self.day, charged) {
            (true, true) => today.settled += 1,
            (true, false) => today.here = today.here.saturating_sub(1),
            // Midnight passed meanwhile: the ledger counts it on the day it ended.
            (false, true) => {
                today.here += 1;
                today.settled += 1;
            }
            (false, false) => {}
        }
    }
}

/// The counts of all tenants; they outlive the seats that share them.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    tenants: Mutex<HashMap<TenantId, Arc<CallsToday>>>,
}

impl Calls {
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<CallsToday> {
        Arc::clone(self.tenants.lock().entry(tenant.clone()).or_default())
    }

    /// Drops the counts of past days that nobody holds.
    pub(crate) fn sweep(&self, now_ms: i64) {
        let day = day_of(now_ms);
        self.tenants.lock().retain(|_, calls| Arc::strong_count(calls) > 1 || calls.today.lock().day >= day);
    }
}

impl Gateway {
    /// API calls of the tenant today that are charged or under way, as far as this process knows.
    pub fn calls_today(&self, tenant: &TenantId) -> u64 {
        self.calls.of(tenant).used(day_of(self.clock.now_ms()))
    }

    /// Counts a call before it is made. Whoever has used up the day may still look at the usage, manage the tenant
    /// and leave it.
    pub(crate) fn reserve_call(
        &self,
        calls: &Arc<CallsToday>,
        limit: Option<u64>,
        operation: Operation,
    ) -> Result<Option<Reserved>, Refusal> {
        if self.options.quotas == Enforcement::Off {
            return Ok(None);
        }
        let day = day_of(self.clock.now_ms());
        let limit = limit.filter(|_| !operation.is_administration());
        match (calls.reserve(day, limit), limit) {
            (Ok(reserved), _) => Ok(Some(reserved)),
            (Err(_), _) if self.options.quotas == Enforcement::Measure => {
                metrics::quota_exceeded(metrics::API_CALLS_PER_DAY);
                Ok(calls.reserve(day, None).ok())
            }
            (Err(current), limit) => Err(Refusal::QuotaExceeded {
                metric: metrics::API_CALLS_PER_DAY,
                current,
                limit: limit.unwrap_or(current),
            }),
        }
    }

    /// Asks the ledger how much of the day is used, when the plan has a limit. An answer that does not come changes
    /// nothing: what is known here goes on counting.
    pub(crate) async fn learn_calls(&self, found: &TenantWithLimits) {
        if self.options.quotas == Enforcement::Off || found.limits.api_calls_per_day.is_none() {
            return;
        }
        let id = &found.tenant.id;
        let now = self.clock.now();
        let today = UsageDay::day_of(now);
        let calls = self.calls.of(id);
        let day = day_of(now.as_millisecond());
        // Unsent first: an event that reaches the ledger in between is seen twice until the next reading, never missed.
        let (unsent, settled) = calls.with_settled(day, || {
            let unsent = self.meter.unsent_by_day(id).into_iter().filter(|sum| sum.day == today);
            unsent.map(|sum| sum.counters.api_calls).sum::<u64>()
        });
        match self.control.usage_by_day(id, today, today).await {
            Ok(days) => {
                let sent: u64 = days.iter().map(|day| day.counters.api_calls).sum();
                calls.learn(day, (sent + unsent).saturating_sub(settled));
            }
            Err(error) => tracing::debug!(%error, tenant = %id, "the ledger does not say how much is used"),
        }
    }
}

fn day_of(now_ms: i64) -> i64 {
    now_ms.div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment of that day.
    fn at(day: i64) -> i64 {
        day * DAY_MS + 5
    }

    #[test]
    fn a_day_is_used_up_given_back_and_over() {
        let calls = Arc::new(CallsToday::default());
        let first = calls.reserve(10, Some(2)).unwrap();
        calls.reserve(10, Some(2)).unwrap();
        assert_eq!(calls.reserve(10, Some(2)).unwrap_err(), 2);
        first.settle(false, at(10), || ());
        let (late, failed) = (calls.reserve(10, Some(2)).unwrap(), calls.reserve(10, None).unwrap());
        assert_eq!(calls.reserve(11, Some(1)).unwrap().day, 11);
        failed.settle(false, at(11), || ());
        assert_eq!(calls.used(11), 1, "yesterday's call is not given back to today");
        assert_eq!(calls.reserve(10, Some(1)).unwrap_err(), 1, "a clock that steps back starts no new day");
        late.settle(true, at(11), || ());
        assert_eq!(calls.used(11), 2, "it counts on the day it ended");
    }

    #[test]
    fn a_reading_counts_what_happened_elsewhere_and_the_next_one_puts_it_right() {
        let calls = Arc::new(CallsToday::default());
        let learn = |on_record: u64| {
            let (on_record, settled) = calls.with_settled(7, || on_record);
            calls.learn(7, on_record.saturating_sub(settled));
            calls.used(7)
        };
        let under_way = calls.reserve(7, None).unwrap();
        calls.reserve(7, None).unwrap().settle(true, at(7), || ());
        assert_eq!(learn(41), 42, "40 of others, one on record, one under way");
        assert_eq!(learn(141), 142, "a batch seen twice");
        under_way.settle(true, at(7), || ());
        assert_eq!(learn(42), 42);
        assert_eq!(learn(0), 2, "never less than was admitted here");
        calls.learn(6, 90);
        assert_eq!(calls.used(7), 2, "a reading of yesterday comes too late");
    }

    #[test]
    fn many_at_once_never_overshoot() {
        let calls = Arc::new(CallsToday::default());
        let admitted: usize = std::thread::scope(|scope| {
            let reserve = || (0..50).filter(|_| calls.reserve(1, Some(120)).is_ok()).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(reserve)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 120);
    }
}
