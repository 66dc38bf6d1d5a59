//! What the service served in the last hours, kept by itself: counted as requests end, sampled into a bounded ring, so
//! that the console has charts without anybody scraping.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

/// Time between two samples.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Samples kept: six hours, about half a megabyte.
pub const SAMPLES_MAX: usize = 6 * 360;
/// Upper bounds of the latency buckets, in microseconds: 0.25 s is the promise, and beyond the last one is the rest.
const BOUNDS_US: [u64; 19] = [
    250, 500, 1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 25_000, 50_000, 75_000, 100_000, 250_000,
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// What is promised of the latency, one of the bounds.
const PROMISED_US: u64 = 250_000;

/// Requests and their latencies in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// All of them.
    pub requests: u64,
    /// Those that failed by our fault (5xx).
    pub failed: u64,
    /// Those that were not served (503 and 504).
    pub unserved: u64,
    /// Those that proved no identity (401).
    pub unauthenticated: u64,
    /// Those that came too fast (429).
    pub limited: u64,
    buckets: [u32; BOUNDS_US.len() + 1],
}

/// One sample: what ended in the ten seconds before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When it was taken, in milliseconds since 1970.
    pub at_ms: i64,
    /// What ended since the sample before.
    pub sums: Sums,
}

/// One route since the service started.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteSums {
    /// The route, as the router names it.
    pub route: String,
    /// What ended there.
    pub sums: Sums,
}

/// The ring, and what ended since its last sample.
#[derive(Debug, Default)]
pub struct History {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Sums,
    ring: VecDeque<Sample>,
    /// As many as the router has routes: a path that matches none counts as one more.
    routes: BTreeMap<String, Sums>,
}

impl History {
    /// Counts a request that ended. Health checks, scrapes and the console itself are no traffic of clients.
    pub fn note(&self, route: &str, status: u16, took: Duration) {
        if matches!(route, "/health" | "/ready" | "/metrics" | "/docs" | "/") || route.starts_with("/console")
        {
            return;
        }
        let mut state = self.state.lock();
        state.current.note(status, took);
        match state.routes.get_mut(route) {
            Some(sums) => sums.note(status, took),
            None => state.routes.entry(route.to_owned()).or_default().note(status, took),
        }
    }

    /// Moves what ended since the last sample into the ring.
    pub fn sample(&self, now_ms: i64) {
        let mut state = self.state.lock();
        if state.ring.len() == SAMPLES_MAX {
            state.ring.pop_front();
        }
        let sums = std::mem::take(&mut state.current);
        state.ring.push_back(Sample { at_ms: now_ms, sums });
    }

    /// Every sample taken after `since_ms`, oldest first, and what ended since the last one.
    pub fn since(&self, since_ms: i64, now_ms: i64) -> Vec<Sample> {
        let state = self.state.lock();
        let newer = state.ring.iter().copied().filter(|sample| sample.at_ms > since_ms);
        newer.chain([Sample { at_ms: now_ms, sums: state.current }]).collect()
    }

    /// Every route that was asked for since the start.
    pub fn routes(&self) -> Vec<RouteSums> {
        let state = self.state.lock();
        let row = |(route, sums): (&String, &Sums)| RouteSums { route: route.clone(), sums: *sums };
        state.routes.iter().map(row).collect()
    }
}

impl Sums {
    fn note(&mut self, status: u16, took: Duration) {
        self.requests += 1;
        self.failed += u64::from(status >= 500);
        self.unserved += u64::from(matches!(status, 503 | 504));
        self.unauthenticated += u64::from(status == 401);
        self.limited += u64::from(status == 429);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
    }

    /// Both together.
    pub fn plus(mut self, other: &Self) -> Self {
        self.requests += other.requests;
        self.failed += other.failed;
        self.unserved += other.unserved;
        self.unauthenticated += other.unauthenticated;
        self.limited += other.limited;
        for (own, more) in self.buckets.iter_mut().zip(other.buckets) {
            *own = own.saturating_add(more);
        }
        self
    }

    /// Requests that took longer than a quarter of a second.
    pub fn slow(&self) -> u64 {
        let promised = BOUNDS_US.partition_point(|bound| *bound <= PROMISED_US);
        self.buckets[promised..].iter().copied().map(u64::from).sum()
    }

    /// The latency in milliseconds that a share of the requests (0.95 for p95) did not exceed, within a bucket by
    /// its middle; `None` without requests.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let all: u64 = self.buckets.iter().copied().map(u64::from).sum();
        if all == 0 {
            return None;
        }
        let wanted = share * all as f64;
        let mut below = 0.0;
        for (at, count) in self.buckets.iter().copied().enumerate().filter(|(_, count)| *count > 0) {
            let count = f64::from(count);
            if below + count >= wanted {
                let least = if at == 0 { 0 } else { BOUNDS_US[at - 1] };
                // Beyond the last bound nothing is known but that it was more.
                let most = BOUNDS_US.get(at).copied().unwrap_or(least);
                let part = ((wanted - below) / count).clamp(0.0, 1.0);
                return Some((least as f64 + (most - least) as f64 * part) / 1e3);
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_its_bucket() {
        let mut sums = Sums::default();
        assert_eq!(sums.quantile_ms(0.95), None);
        for _ in 0..95 {
            sums.note(200, Duration::from_micros(900));
        }
        for _ in 0..5 {
            sums.note(500, Duration::from_millis(400));
        }
        let (p50, p99) = (sums.quantile_ms(0.5).unwrap(), sums.quantile_ms(0.99).unwrap());
        assert!((0.5..=1.0).contains(&p50) && (250.0..=500.0).contains(&p99), "{p50} {p99}");
        assert_eq!((sums.requests, sums.failed), (100, 5));
        assert_eq!((sums.slow(), sums.unserved), (5, 0));
        sums.note(503, Duration::from_millis(250));
        assert_eq!((sums.slow(), sums.unserved), (5, 1), "the promise itself is kept");
        let mut slow = Sums::default();
        slow.note(200, Duration::from_secs(60));
        assert_eq!(slow.quantile_ms(0.95), Some(10_000.0));
    }

    #[test]
    fn the_ring_is_bounded_and_what_ended_since_is_told() {
        let history = History::default();
        let samples = i64::try_from(SAMPLES_MAX).unwrap();
        for at in 0..samples + 5 {
            history.note("/v1/search", 200, Duration::from_millis(1));
            history.sample(at * 10_000);
        }
        history.note("/v1/search", 429, Duration::from_millis(1));
        let all = history.since(-1, samples * 20_000);
        assert_eq!(all.len(), SAMPLES_MAX + 1);
        assert_eq!((all[0].at_ms, all[0].sums.requests), (50_000, 1));
        assert_eq!(all.last().unwrap().sums.limited, 1);
        let recent = history.since((samples + 2) * 10_000, samples * 20_000);
        assert_eq!(recent.len(), 3);
    }

    #[test]
    fn only_traffic_of_clients_is_counted() {
        let history = History::default();
        for route in ["/health", "/metrics", "/console", "/console/search", "/v1/memories", "unknown"] {
            history.note(route, 200, Duration::from_millis(1));
        }
        let routes: Vec<_> = history.routes().into_iter().map(|route| route.route).collect();
        assert_eq!(routes, ["/v1/memories", "unknown"]);
    }
}
