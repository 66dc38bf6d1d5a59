//! API calls by UTC day: reserved one by one before the work, given back when the failure was ours.
//!
//! What is stored is counted where it is stored, in the tenant's own file; this is the one quota that no file knows.

use std::collections::HashMap;
use std::sync::Arc;

use control::{TenantWithLimits, UsageDay};
use parking_lot::Mutex;
use tenancy::{Operation, Scope, TenantId};

use crate::{Enforcement, Gateway, Refusal, metrics};

const DAY_MS: i64 = 86_400_000;

/// How many calls a tenant made today, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct CallsToday {
    today: Mutex<Today>,
}

#[derive(Debug, Default)]
struct Today {
    /// Days since 1970, in UTC.
    day: i64,
    used: u64,
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
            && today.used >= limit
        {
            return Err(today.used);
        }
        today.used += 1;
        Ok(Reserved { calls: Arc::clone(self), day: today.day })
    }

    /// Takes over what the ledger knows, which may include calls to other processes; never less than is known here.
    fn learn(&self, day: i64, used: u64) {
        let mut today = self.today.lock();
        today.turn_to(day);
        if today.day == day {
            today.used = today.used.max(used);
        }
    }

    fn used(&self, day: i64) -> u64 {
        let today = self.today.lock();
        if today.day == day { today.used } else { 0 }
    }
}

impl Today {
    /// A clock that steps back does not bring yesterday's calls again.
    fn turn_to(&mut self, day: i64) {
        if day > self.day {
            *self = Self { day, used: 0 };
        }
    }
}

impl Reserved {
    /// The call turned out not to be charged.
    pub(crate) fn give_back(self) {
        let mut today = self.calls.today.lock();
        if today.day == self.day {
            today.used = today.used.saturating_sub(1);
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

    /// Counts a call before it is made. Whoever has used up the day may still look at the usage and manage the tenant.
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
        let limit = limit.filter(|_| operation.scope() != Some(Scope::Admin));
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
        // Unsent first: an event that reaches the ledger in between is seen twice, never missed.
        let unsent = self.meter.unsent_by_day(id).into_iter().filter(|sum| sum.day == today);
        let unsent: u64 = unsent.map(|sum| sum.counters.api_calls).sum();
        match self.control.usage_by_day(id, today, today).await {
            Ok(days) => {
                let sent: u64 = days.iter().map(|day| day.counters.api_calls).sum();
                self.calls.of(id).learn(day_of(now.as_millisecond()), sent + unsent);
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

    #[test]
    fn a_day_is_used_up_given_back_and_over() {
        let calls = Arc::new(CallsToday::default());
        let first = calls.reserve(10, Some(2)).unwrap();
        calls.reserve(10, Some(2)).unwrap();
        assert_eq!(calls.reserve(10, Some(2)).unwrap_err(), 2);
        first.give_back();
        let late = calls.reserve(10, Some(2)).unwrap();
        assert_eq!(calls.reserve(11, Some(1)).unwrap().day, 11);
        late.give_back();
        assert_eq!(calls.used(11), 1, "yesterday's call is not given back to today");
        assert_eq!(calls.reserve(10, Some(1)).unwrap_err(), 1, "a clock that steps back starts no new day");
        calls.learn(11, 40);
        calls.learn(11, 7);
        calls.learn(10, 90);
        assert_eq!(calls.used(11), 40);
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
