//! Rate limits by client address, looked at before anybody is asked who they are.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::RwLock;
use tenancy::RateLimit;

use crate::{Enforcement, RateState, Refusal, metrics};

/// Addresses with a bucket of their own; about 100 bytes each. Beyond, neighbours share one, so that somebody with a
/// whole network cannot fill our memory.
const ADDRESSES_MAX: usize = 100_000;
/// How much more a shared bucket holds than one address's.
const SHARED_FACTOR: NonZeroU32 = NonZeroU32::new(16).unwrap();

type Keyed = RateLimiter<Origin, DashMapStateStore<Origin>, DefaultClock, StateInformationMiddleware>;

/// Whoever may be one client: an IPv4 address, an IPv6 /64; or a neighbourhood, when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    V4(u32),
    V6(u64),
    Near4(u32),
    Near6(u64),
}

/// The buckets of all addresses.
#[derive(Debug, Default)]
pub(crate) struct AddressLimits {
    buckets: RwLock<Option<Arc<Buckets>>>,
}

#[derive(Debug)]
struct Buckets {
    limit: RateLimit,
    own: Keyed,
    shared: Keyed,
    clock: DefaultClock,
}

impl AddressLimits {
    /// Changes the limit; everybody starts with a full bucket. `None` is no limit.
    pub(crate) fn set(&self, limit: Option<RateLimit>) {
        *self.buckets.write() = limit.map(|limit| Arc::new(Buckets::new(limit)));
    }

    /// Takes one token of an address's bucket.
    pub(crate) fn take(&self, address: IpAddr, enforcement: Enforcement) -> Result<RateState, Refusal> {
        let Some(buckets) = self.buckets.read().clone().filter(|_| enforcement != Enforcement::Off) else {
            return Ok(RateState::default());
        };
        buckets.take(address).or_else(|refusal| {
            metrics::rate_limited(metrics::ADDRESS);
            match enforcement {
                Enforcement::Off | Enforcement::Measure => Ok(refusal.rate().copied().unwrap_or_default()),
                Enforcement::Enforce => Err(refusal),
            }
        })
    }

    /// Drops full buckets, which are as good as new ones.
    pub(crate) fn sweep(&self) {
        if let Some(buckets) = self.buckets.read().clone() {
            buckets.own.retain_recent();
            buckets.shared.retain_recent();
            buckets.own.shrink_to_fit();
            buckets.shared.shrink_to_fit();
        }
    }
}

impl Buckets {
    fn new(limit: RateLimit) -> Self {
        let clock = DefaultClock::default();
        let keyed = |factor: NonZeroU32| {
            let quota = Quota::per_second(limit.per_second.saturating_mul(factor));
            let quota = quota.allow_burst(limit.burst.saturating_mul(factor));
            Keyed::new(quota, DashMapStateStore::default(), clock.clone())
        };
        let (own, shared) = (keyed(NonZeroU32::MIN), keyed(SHARED_FACTOR));
        Self { limit, own, shared, clock }
    }

    fn take(&self, address: IpAddr) -> Result<RateState, Refusal> {
        let (own, near) = origins(address);
        let taken = if self.own.len() < ADDRESSES_MAX {
            self.own.check_key(&own)
        } else {
            self.shared.check_key(&near)
        };
        match taken {
            Ok(state) => Ok(self.state(state.remaining_burst_capacity())),
            Err(until) => Err(Refusal::RateLimited {
                class: metrics::ADDRESS,
                retry_after: until.wait_time_from(self.clock.now()),
                rate: self.state(0),
            }),
        }
    }

    fn state(&self, remaining: u32) -> RateState {
        RateState::of(self.limit, remaining.min(self.limit.burst.get()))
    }
}

/// An address as one client and as a neighbourhood. An IPv4 address written as IPv6 is one.
fn origins(address: IpAddr) -> (Origin, Origin) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (Origin::V4(v4.to_bits()), Origin::Near4(v4.to_bits() >> 8)),
        IpAddr::V6(v6) => {
            let network = (v6.to_bits() >> 64) as u64;
            (Origin::V6(network), Origin::Near6(network >> 16))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: u32, burst: u32) -> AddressLimits {
        let limits = AddressLimits::default();
        let limit =
            RateLimit { per_second: per_second.try_into().unwrap(), burst: burst.try_into().unwrap() };
        limits.set(Some(limit));
        limits
    }

    fn taken(limits: &AddressLimits, address: &str) -> bool {
        limits.take(address.parse().unwrap(), Enforcement::Enforce).is_ok()
    }

    #[test]
    fn each_address_has_a_bucket_and_a_network_of_ipv6_is_one() {
        let limits = limits(1, 1);
        for (address, want) in [
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8:0:1::1", true),
            ("2001:db8:0:1:ffff::9", false),
            ("2001:db8:0:2::1", true),
        ] {
            assert_eq!(taken(&limits, address), want, "{address}");
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_soft_limits_refuse_nobody() {
        let limits = limits(1, 1);
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(limits.take(address, Enforcement::Enforce).unwrap().remaining, Some(0));
        let refusal = limits.take(address, Enforcement::Enforce).unwrap_err();
        assert_eq!((refusal.code(), refusal.retry_after_s()), ("rate_limited", Some(1)));
        assert_eq!(limits.take(address, Enforcement::Measure).unwrap().remaining, Some(0));
        assert_eq!(limits.take(address, Enforcement::Off).unwrap(), RateState::default());
        limits.set(None);
        assert!(limits.take(address, Enforcement::Enforce).is_ok());
    }

    #[test]
    fn a_whole_network_does_not_fill_the_memory() {
        let limits = limits(1, 1);
        for host in 0..ADDRESSES_MAX as u32 + 5_000 {
            let _ = limits.take(IpAddr::from(host.to_be_bytes()), Enforcement::Enforce);
        }
        let buckets = limits.buckets.read().clone().unwrap();
        assert!(buckets.own.len() <= ADDRESSES_MAX + 1 && buckets.shared.len() < 100);
    }
}
