//! How long requests took lately, by route: for an operator who asks now, without a Prometheus.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

/// A window ends after this long, in milliseconds; the last one and the one before are looked at.
const WINDOW_MS: i64 = 5 * 60 * 1_000;
/// Buckets of each route; the last one is everything longer.
const BUCKETS: usize = 40;
/// The upper bound of the first bucket, in microseconds; each next one is a square root of two longer.
const FIRST_US: f64 = 250.0;

/// The times of the last minutes.
#[derive(Debug, Default)]
pub struct RouteTimes {
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    began_ms: i64,
    now: HashMap<String, [u32; BUCKETS]>,
    before: HashMap<String, [u32; BUCKETS]>,
}

/// What one route took.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteTime {
    /// The route, such as `/v1/memories/{id}`.
    pub route: String,
    /// Requests of the last five to ten minutes.
    pub requests: u64,
    /// Half of them took at most this, within a factor of the square root of two.
    pub p50: Duration,
    /// 95 in 100 of them.
    pub p95: Duration,
    /// 99 in 100 of them.
    pub p99: Duration,
}

impl RouteTimes {
    /// Counts one request.
    pub(crate) fn record(&self, now_ms: i64, route: &str, took: Duration) {
        let mut windows = self.windows.lock();
        windows.turn(now_ms);
        let bucket = bucket_of(took);
        match windows.now.get_mut(route) {
            Some(counts) => counts[bucket] = counts[bucket].saturating_add(1),
            None => {
                let mut counts = [0; BUCKETS];
                counts[bucket] = 1;
                windows.now.insert(route.to_owned(), counts);
            }
        }
    }

    /// Every route that was asked for lately, the slowest 95th percentile first.
    pub fn slowest_first(&self, now_ms: i64) -> Vec<RouteTime> {
        let mut windows = self.windows.lock();
        windows.turn(now_ms);
        let mut sums: HashMap<&String, [u64; BUCKETS]> = HashMap::new();
        for (route, counts) in windows.now.iter().chain(&windows.before) {
            let sum = sums.entry(route).or_insert([0; BUCKETS]);
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(*count));
        }
        let mut times: Vec<_> =
            sums.into_iter().map(|(route, counts)| RouteTime::of(route, &counts)).collect();
        times.sort_by(|a, b| b.p95.cmp(&a.p95).then_with(|| a.route.cmp(&b.route)));
        times
    }
}

impl Windows {
    fn turn(&mut self, now_ms: i64) {
        let age = now_ms.saturating_sub(self.began_ms);
        // A clock that was set back begins anew too.
        if (0..WINDOW_MS).contains(&age) {
            return;
        }
        let last = std::mem::take(&mut self.now);
        self.before = if (0..2 * WINDOW_MS).contains(&age) { last } else { HashMap::new() };
        self.began_ms = now_ms;
    }
}

impl RouteTime {
    fn of(route: &str, counts: &[u64; BUCKETS]) -> Self {
        let requests = counts.iter().sum();
        let quantile = |share: f64| {
            let wanted = (share * requests as f64).ceil();
            let mut seen = 0;
            let bucket = counts.iter().position(|count| {
                seen += count;
                seen as f64 >= wanted
            });
            upper_bound(bucket.unwrap_or(BUCKETS - 1))
        };
        Self {
            route: route.to_owned(),
            requests,
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
        }
    }
}

fn bucket_of(took: Duration) -> usize {
    (0..BUCKETS - 1).find(|bucket| took <= upper_bound(*bucket)).unwrap_or(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> Duration {
    Duration::from_secs_f64(FIRST_US * 2f64.powf(bucket as f64 / 2.0) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_route_comes_first_and_old_times_are_forgotten() {
        let times = RouteTimes::default();
        for _ in 0..94 {
            times.record(1_000, "/fast", Duration::from_millis(1));
            times.record(1_000, "/slow", Duration::from_millis(1));
        }
        for _ in 0..6 {
            times.record(1_000, "/slow", Duration::from_millis(400));
        }
        let seen = times.slowest_first(WINDOW_MS);
        assert_eq!(seen.iter().map(|time| time.route.as_str()).collect::<Vec<_>>(), ["/slow", "/fast"]);
        let slow = &seen[0];
        assert_eq!(slow.requests, 100);
        assert!(slow.p95 >= Duration::from_millis(400) && slow.p95 < Duration::from_millis(600), "{slow:?}");
        assert!(slow.p50 < Duration::from_millis(2), "{slow:?}");
        assert_eq!(times.slowest_first(4 * WINDOW_MS), []);
    }

    #[test]
    fn nothing_is_too_long_for_a_bucket() {
        assert_eq!(bucket_of(Duration::from_secs(3_600)), BUCKETS - 1);
        assert_eq!(bucket_of(Duration::ZERO), 0);
    }
}
