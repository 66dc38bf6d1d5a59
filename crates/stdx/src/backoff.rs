//! Exponential backoff with full jitter.

use std::time::Duration;

/// Delays between tries: uniformly random between zero and `base * 2^attempt`, capped.
///
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (the "full jitter" form).
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempt: u32,
}

impl Backoff {
    /// Starts with delays of at most `base`, and never waits longer than `cap`.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, attempt: 0 }
    }

    /// The longest the next delay may be.
    pub fn ceiling(&self) -> Duration {
        self.base.saturating_mul(1u32.checked_shl(self.attempt.min(31)).unwrap_or(u32::MAX)).min(self.cap)
    }

    /// The next delay; each call doubles the ceiling until the cap.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.attempt = self.attempt.saturating_add(1);
        let dice = u32::from_le_bytes(crate::random::bytes::<4>());
        ceiling.mul_f64(f64::from(dice) / f64::from(u32::MAX))
    }

    /// Tries made since the start or the last [`reset`](Self::reset).
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// Back to the first delay, after a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_until_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(450));
        let mut ceilings = Vec::new();
        for _ in 0..4 {
            ceilings.push(backoff.ceiling().as_millis());
            assert!(backoff.next_delay() <= Duration::from_millis(450));
        }
        assert_eq!(ceilings, [100, 200, 400, 450]);
        backoff.reset();
        assert_eq!(backoff.ceiling().as_millis(), 100);
    }
}
