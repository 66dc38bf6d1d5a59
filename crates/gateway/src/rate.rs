//! Rate limits: a token bucket (GCRA) for each tenant and rate class.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tenancy::{RateClass, RateLimit, TenantId};

/// What the rate headers say. `None` fields: the tenant has no limit in this class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateState {
    /// Requests at once after a pause.
    pub limit: Option<u32>,
    /// Requests that would be admitted right now.
    pub remaining: Option<u32>,
    /// Whole seconds until `remaining` is `limit` again, when nothing is asked in between.
    pub reset_s: u64,
}

/// A request that came too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooEarly {
    pub(crate) retry_after: Duration,
    pub(crate) rate: RateState,
}

type Keyed = RateLimiter<TenantId, DashMapStateStore<TenantId>, DefaultClock, StateInformationMiddleware>;

/// The buckets of every tenant with the same limit in the same class.
///
/// There are at most as many as tenants that were active lately: only a request of a known tenant makes one.
#[derive(Debug)]
pub(crate) struct Buckets {
    limit: RateLimit,
    keyed: Keyed,
    clock: DefaultClock,
}

/// Every limit in use.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    in_use: Mutex<HashMap<(RateClass, NonZeroU32, NonZeroU32), Arc<Buckets>>>,
}

impl RateLimits {
    /// The buckets for a limit. A tenant whose limit changes starts with a full one.
    pub(crate) fn buckets(&self, class: RateClass, limit: RateLimit) -> Arc<Buckets> {
        let mut in_use = self.in_use.lock();
        let buckets = in_use
            .entry((class, limit.per_second, limit.burst))
            .or_insert_with(|| Arc::new(Buckets::new(limit)));
        Arc::clone(buckets)
    }

    /// Drops buckets that are full again, which are as good as new ones; governor does not do it by itself.
    pub(crate) fn sweep(&self) {
        self.in_use.lock().retain(|_, buckets| {
            buckets.keyed.retain_recent();
            buckets.keyed.shrink_to_fit();
            !buckets.keyed.is_empty() || Arc::strong_count(buckets) > 1
        });
    }
}

impl Buckets {
    fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        let clock = DefaultClock::default();
        let keyed = Keyed::new(quota, DashMapStateStore::default(), clock.clone());
        Self { limit, keyed, clock }
    }

    /// Takes one token of a tenant's bucket.
    pub(crate) fn take(&self, tenant: &TenantId) -> Result<RateState, TooEarly> {
        match self.keyed.check_key(tenant) {
            Ok(state) => Ok(self.state(state.remaining_burst_capacity())),
            Err(until) => {
                let retry_after = until.wait_time_from(self.clock.now());
                Err(TooEarly { retry_after, rate: self.state(0) })
            }
        }
    }

    fn state(&self, remaining: u32) -> RateState {
        RateState::of(self.limit, remaining)
    }
}

impl RateState {
    /// Where somebody stands who has `remaining` tokens left.
    pub(crate) fn of(limit: RateLimit, remaining: u32) -> Self {
        let missing = limit.burst.get().saturating_sub(remaining);
        Self {
            limit: Some(limit.burst.get()),
            remaining: Some(remaining),
            reset_s: u64::from(missing.div_ceil(limit.per_second.get())),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tenancy::RequestId;

    use super::*;

    fn limit(per_second: u32, burst: u32) -> RateLimit {
        RateLimit { per_second: per_second.try_into().unwrap(), burst: burst.try_into().unwrap() }
    }

    fn somebody() -> TenantId {
        TenantId::from_uuid(RequestId::at(Timestamp::UNIX_EPOCH).as_uuid())
    }

    #[test]
    fn a_burst_is_admitted_and_the_next_request_is_told_when_to_come_back() {
        let limits = RateLimits::default();
        let buckets = limits.buckets(RateClass::Read, limit(1, 3));
        let tenant = somebody();
        let left: Vec<_> = (0..3).map(|_| buckets.take(&tenant).unwrap().remaining.unwrap()).collect();
        assert_eq!(left, [2, 1, 0]);
        let early = buckets.take(&tenant).unwrap_err();
        assert!(
            early.retry_after > Duration::from_millis(900) && early.retry_after <= Duration::from_secs(1)
        );
        assert_eq!(early.rate, RateState { limit: Some(3), remaining: Some(0), reset_s: 3 });
        assert_eq!(buckets.take(&somebody()).unwrap().remaining, Some(2), "another tenant has its own");
    }

    #[test]
    fn tokens_come_back() {
        let buckets = RateLimits::default().buckets(RateClass::Read, limit(200, 1));
        let tenant = somebody();
        buckets.take(&tenant).unwrap();
        assert!(buckets.take(&tenant).is_err());
        std::thread::sleep(Duration::from_millis(6));
        buckets.take(&tenant).unwrap();
    }

    #[test]
    fn full_buckets_are_swept_and_unused_limits_go() {
        let limits = RateLimits::default();
        let (fast, slow) = (limit(1_000, 1), limit(1, 1));
        for _ in 0..100 {
            limits.buckets(RateClass::Read, fast).take(&somebody()).unwrap();
        }
        limits.buckets(RateClass::Write, slow).take(&somebody()).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        limits.sweep();
        assert!(!limits.in_use.lock().contains_key(&(RateClass::Read, fast.per_second, fast.burst)));
        assert_eq!(limits.buckets(RateClass::Write, slow).keyed.len(), 1);
    }
}
