//! The client: reads answers, decides when a process is killed, and keeps its own log.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Plan;
use super::process::Process;

/// Longest pause between the answer that decides a kill and the kill.
const KILL_DELAY_US_MAX: u64 = 4_000;

/// What one answer said, in the order of its line: time, calls, searches, memories, bytes.
pub(super) type Answer = [i64; 5];

/// The log of all answers.
#[derive(Debug)]
pub(super) struct Answers {
    log: HashMap<String, Answer>,
    dice: u64,
}

impl Answers {
    pub(super) fn new(seed: u64) -> Self {
        Self { log: HashMap::new(), dice: seed }
    }

    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    pub(super) fn into_log(self) -> HashMap<String, Answer> {
        self.log
    }

    /// The number of answers at which the process of this life is killed: on average, all lives are of one length.
    pub(super) fn next_kill(&mut self, plan: &Plan, life: usize) -> usize {
        let left = plan.events.saturating_sub(self.len()) as u64;
        let share = left / (plan.kills - life + 1) as u64;
        self.len() + 1 + (self.throw() % (2 * share).max(1)) as usize
    }

    /// Lets a process live until there are so many answers, kills it, and reads what it still answered.
    pub(super) fn live(mut self, process: &Process, until: usize) -> Result<Self> {
        let mut child = process.spawn()?;
        let output = child.stdout.take().context("the process has no output")?;
        let mut is_alive = true;
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((id, answer)) = parse(&line) {
                self.log.insert(id, answer);
            }
            if is_alive && self.log.len() >= until {
                std::thread::sleep(Duration::from_micros(self.throw() % KILL_DELAY_US_MAX));
                // SIGKILL: nothing of the process runs after this.
                child.kill()?;
                is_alive = false;
            }
        }
        child.wait()?;
        anyhow::ensure!(!is_alive, "a metering process ended by itself after {} answers", self.log.len());
        Ok(self)
    }

    /// SplitMix64: enough for moments, and the same for the same seed.
    fn throw(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A whole line of an answer; one that a kill cut was read by no client.
fn parse(line: &str) -> Option<(String, Answer)> {
    let mut words = line.strip_prefix("answered ")?.strip_suffix(" whole")?.split(' ');
    let id = words.next()?.to_owned();
    let mut answer = Answer::default();
    for number in &mut answer {
        *number = words.next()?.parse().ok()?;
    }
    words.next().is_none().then_some((id, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_answers() {
        let whole = "answered 0193 5 1 0 7 -3 whole";
        assert_eq!(parse(whole), Some(("0193".to_owned(), [5, 1, 0, 7, -3])));
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "cut at {end}");
        }
    }
}
