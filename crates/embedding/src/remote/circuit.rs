//! Remembers that an endpoint is down, so that nobody waits for it in vain.
//!
//! A circuit breaker: closed while calls succeed, open for a cool-down after [`FAILURES_BEFORE_DOWN`] failures
//! in a row, then half open: one caller tries, and its luck decides for all.

use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use stdx::clock::SharedClock;

/// Whether vectors can be expected from a provider now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The last call succeeded, or too few failed to tell.
    Up,
    /// Calls fail. Most are refused at once; now and then one finds out whether that is still so.
    Down {
        /// When it was noticed.
        since: Timestamp,
        /// What the last failed call met; names no text.
        last_error: String,
    },
}

/// Failed requests in a row before the endpoint counts as down: a single lost packet is none of our business.
pub(crate) const FAILURES_BEFORE_DOWN: u32 = 3;

/// However often it was found down, it is tried again after this long.
const COOL_DOWN_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Circuit {
    clock: SharedClock,
    cool_down: Duration,
    // Held for a few comparisons, never across an await.
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open(Outage, i64),
    Probing(Outage),
}

#[derive(Debug, Clone)]
struct Outage {
    since: Timestamp,
    last_error: String,
    failed_probes: u32,
}

/// The right to make one request; tell it how the request went. Dropped untold, it counts for nothing.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    circuit: &'a Circuit,
    kind: PermitKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PermitKind {
    Ordinary,
    Probe,
    Spent,
}

/// The endpoint is down.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Down {
    pub(crate) last_error: String,
    /// Until the next probe; zero while one is under way.
    pub(crate) retry_after: Duration,
}

impl Circuit {
    pub(crate) fn new(cool_down: Duration, clock: SharedClock) -> Self {
        Self { clock, cool_down, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    pub(crate) fn health(&self) -> Health {
        match &*self.state.lock() {
            State::Closed { .. } => Health::Up,
            State::Open(outage, _) | State::Probing(outage) => {
                Health::Down { since: outage.since, last_error: outage.last_error.clone() }
            }
        }
    }

    /// Whether a request would be refused now; takes no turn.
    pub(crate) fn refusal(&self) -> Option<Down> {
        self.refusal_in(&self.state.lock())
    }

    pub(crate) fn admit(&self) -> Result<Permit<'_>, Down> {
        let mut state = self.state.lock();
        if let Some(down) = self.refusal_in(&state) {
            return Err(down);
        }
        let kind = match &*state {
            State::Closed { .. } => PermitKind::Ordinary,
            State::Open(outage, _) | State::Probing(outage) => {
                *state = State::Probing(outage.clone());
                PermitKind::Probe
            }
        };
        Ok(Permit { circuit: self, kind })
    }

    fn refusal_in(&self, state: &State) -> Option<Down> {
        let (outage, left_ms) = match state {
            State::Closed { .. } => return None,
            State::Open(outage, until_ms) => (outage, until_ms.saturating_sub(self.clock.now_ms())),
            State::Probing(outage) => (outage, 0),
        };
        if matches!(state, State::Open(..)) && left_ms <= 0 {
            return None;
        }
        let retry_after = Duration::from_millis(left_ms.unsigned_abs());
        Some(Down { last_error: outage.last_error.clone(), retry_after })
    }

    fn open(&self, outage: Outage, asked_for: Option<Duration>) -> State {
        let doubled = self.cool_down.saturating_mul(1 << outage.failed_probes.min(16));
        let wait = doubled.max(asked_for.unwrap_or_default()).min(COOL_DOWN_MAX.max(self.cool_down));
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        State::Open(outage, self.clock.now_ms().saturating_add(wait_ms))
    }
}

impl Permit<'_> {
    /// The endpoint answered as it should (a refusal of certain texts included).
    pub(crate) fn succeeded(mut self) {
        self.kind = PermitKind::Spent;
        let before = std::mem::replace(&mut *self.circuit.state.lock(), State::Closed { failures: 0 });
        if let State::Open(outage, _) | State::Probing(outage) = before {
            tracing::info!(since = %outage.since, "the embedding endpoint is up again");
        }
    }

    /// The endpoint failed; `asked_for` is the pause it asked for, if it did.
    pub(crate) fn failed(mut self, error: &str, asked_for: Option<Duration>) {
        let is_probe = self.kind == PermitKind::Probe;
        self.kind = PermitKind::Spent;
        let circuit = self.circuit;
        let mut state = circuit.state.lock();
        let last_error = error.to_owned();
        *state = match &*state {
            State::Closed { failures } if failures + 1 < FAILURES_BEFORE_DOWN => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => {
                tracing::warn!(error, "the embedding endpoint is down");
                circuit.open(Outage { since: circuit.clock.now(), last_error, failed_probes: 0 }, asked_for)
            }
            State::Probing(outage) if is_probe => {
                let failed_probes = outage.failed_probes.saturating_add(1);
                circuit.open(Outage { since: outage.since, last_error, failed_probes }, asked_for)
            }
            // A request from before the outage came home late; it tells nothing new.
            State::Open(outage, until_ms) => State::Open(outage.clone(), *until_ms),
            State::Probing(outage) => State::Probing(outage.clone()),
        };
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.kind != PermitKind::Probe {
            return;
        }
        // The caller went away in the middle of the probe: the next one probes.
        let mut state = self.circuit.state.lock();
        if let State::Probing(outage) = &*state {
            *state = State::Open(outage.clone(), self.circuit.clock.now_ms());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stdx::clock::{Clock, ManualClock};

    use super::*;

    /// Plays a script on a circuit with a cool-down of 1 s and gives what it shows: for each `.` (success),
    /// `x` (failure), `d` (dropped) or `?` (only asks) `.` when a request was let through, else `-`; a digit
    /// lets that many seconds pass.
    fn check(script: &str, expected: &str) {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let circuit = Circuit::new(Duration::from_secs(1), Arc::clone(&clock) as SharedClock);
        let mut seen = String::new();
        for step in script.chars() {
            if let Some(seconds) = step.to_digit(10) {
                clock.advance_ms(i64::from(seconds) * 1_000);
                continue;
            }
            match circuit.admit() {
                Ok(permit) => {
                    seen.push('.');
                    match step {
                        '.' => permit.succeeded(),
                        'x' => permit.failed("boom", None),
                        'r' => permit.failed("boom", Some(Duration::from_secs(5))),
                        _ => drop(permit),
                    }
                }
                Err(_) => seen.push('-'),
            }
        }
        assert_eq!(seen, expected, "{script}");
    }

    #[test]
    fn three_failures_in_a_row_open_it() {
        check("xx.xx.", "......");
        check("xxx???", "...---");
    }

    #[test]
    fn after_the_cool_down_one_probe_decides() {
        check("xxx1.??", "......");
        check("xxx1x?1?", "....--");
        check("xxx1x2.?", "......");
        check("xxxd1ddd.", "...-....");
    }

    #[test]
    fn a_longer_pause_is_honoured_when_asked_for() {
        check("xxr1?3?1.", "...--.");
    }

    #[test]
    fn while_one_probes_the_others_are_refused() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let circuit = Circuit::new(Duration::from_secs(1), Arc::clone(&clock) as SharedClock);
        let late = circuit.admit().unwrap();
        for _ in 0..FAILURES_BEFORE_DOWN {
            circuit.admit().unwrap().failed("boom", None);
        }
        let down = Health::Down { since: clock.now(), last_error: "boom".to_owned() };
        assert_eq!(circuit.health(), down);
        assert_eq!(circuit.admit().unwrap_err().retry_after, Duration::from_secs(1));
        clock.advance_ms(1_000);
        let probe = circuit.admit().unwrap();
        assert_eq!(circuit.admit().unwrap_err().retry_after, Duration::ZERO);
        late.failed("late", None);
        assert_eq!(circuit.health(), down);
        probe.succeeded();
        assert_eq!(circuit.health(), Health::Up);
    }
}
