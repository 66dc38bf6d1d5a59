//! How long calls take: several rounds, the median round told.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Calls timed together where one is as short as reading the time.
const TOGETHER: usize = 32;

/// How calls are timed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) rounds: usize,
    /// Of each round.
    pub(super) calls: usize,
}

impl Timing {
    /// The usual call in microseconds: the median of the rounds' medians. For calls of a few microseconds, which are
    /// timed [`TOGETHER`] at a time.
    pub(super) async fn short_us(self, mut call: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
        let batch = async || {
            for _ in 0..TOGETHER {
                call().await?;
            }
            Ok(())
        };
        let batches = Self { calls: self.calls.div_ceil(TOGETHER), ..self };
        Ok(batches.percentile_us(0.5, batch).await? / TOGETHER as f64)
    }

    /// The call at `share` (0 to 1) of each round, and of those the median, in microseconds.
    pub(super) async fn percentile_us(
        self,
        share: f64,
        mut call: impl AsyncFnMut() -> Result<()>,
    ) -> Result<f64> {
        let mut rounds = Vec::with_capacity(self.rounds);
        for _ in 0..self.rounds {
            let mut taken = Vec::with_capacity(self.calls);
            for _ in 0..self.calls {
                let started = Instant::now();
                call().await?;
                taken.push(started.elapsed());
            }
            rounds.push(at_us(&mut taken, share));
        }
        rounds.sort_unstable_by(f64::total_cmp);
        Ok(rounds.get(rounds.len() / 2).copied().unwrap_or_default())
    }
}

/// The time at `share` of all, in microseconds; 0 when there is none.
pub(super) fn at_us(taken: &mut [Duration], share: f64) -> f64 {
    taken.sort_unstable();
    let last = taken.len().saturating_sub(1);
    let place = ((taken.len() as f64 * share) as usize).min(last);
    taken.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_times_is_found() {
        let mut taken: Vec<_> = (1..=100).rev().map(Duration::from_micros).collect();
        for (share, want) in [(0.0, 1.0), (0.5, 51.0), (0.95, 96.0), (1.0, 100.0)] {
            let got = at_us(&mut taken, share);
            assert!((got - want).abs() < 1e-9, "{share}: {got}");
        }
        assert!(at_us(&mut [], 0.5).abs() < 1e-9);
    }
}
