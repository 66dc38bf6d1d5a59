//! The closed loop: N connections, a warm-up that is not counted, then a measured while.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::sync::oneshot;

use super::connection::{Call, Connection, Target};

/// How hard and how long.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct Pace {
    pub(in crate::bench) connections: usize,
    pub(in crate::bench) warm_up: Duration,
    pub(in crate::bench) measured: Duration,
    /// Rest between an answer and the next request; none in a closed loop.
    pub(in crate::bench) rest: Duration,
}

/// What came of it, by kind of call.
#[derive(Debug, Default)]
pub(in crate::bench) struct Outcome {
    pub(in crate::bench) samples: Vec<Samples>,
    /// From the end of the warm-up to the last answer.
    pub(in crate::bench) elapsed: Duration,
}

/// Answers to one kind of call.
#[derive(Debug, Default, Clone)]
pub(in crate::bench) struct Samples {
    /// Time to the last byte of each good answer.
    pub(in crate::bench) latencies: Vec<Duration>,
    pub(in crate::bench) errors: u64,
    pub(in crate::bench) first_error: Option<String>,
}

/// Makes the calls that `next(connection, number)` says until the time is over.
///
/// The loop has a thread of its own, so that two loads at once do not wait for each other.
pub(in crate::bench) async fn drive<F>(target: &Target, pace: Pace, next: F) -> Result<Outcome>
where
    F: Fn(u64, u64) -> Call + Send + Sync + 'static,
{
    let (answer, outcome) = oneshot::channel();
    let target = target.clone();
    thread::Builder::new().name("load".to_owned()).spawn(move || {
        let _ = answer.send(drive_here(&target, pace, next));
    })?;
    outcome.await.map_err(|_| anyhow!("the load thread died"))?
}

fn drive_here<F>(target: &Target, pace: Pace, next: F) -> Result<Outcome>
where
    F: Fn(u64, u64) -> Call + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let next = Arc::new(next);
    runtime.block_on(async {
        let mut opened = Vec::new();
        for _ in 0..pace.connections {
            opened.push(Connection::open(target).await?);
        }
        let begin = Instant::now() + pace.warm_up;
        let workers: Vec<_> = opened
            .into_iter()
            .zip(0_u64..)
            .map(|(connection, number)| {
                tokio::spawn(work(connection, target.clone(), number, pace, begin, Arc::clone(&next)))
            })
            .collect();
        let mut whole = Outcome::default();
        for worker in workers {
            whole.add(worker.await.context("a connection's loop died")??);
        }
        whole.elapsed = begin.elapsed();
        Ok(whole)
    })
}

async fn work<F: Fn(u64, u64) -> Call>(
    mut connection: Connection,
    target: Target,
    number: u64,
    pace: Pace,
    begin: Instant,
    next: Arc<F>,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let end = begin + pace.measured;
    for turn in 0.. {
        let call = next(number, turn);
        let started = Instant::now();
        if started >= end {
            break;
        }
        let answer = connection.call(&call).await;
        let latency = started.elapsed();
        if answer.is_err() {
            connection = Connection::open(&target).await?;
        }
        if started >= begin {
            let samples = outcome.of(call.kind);
            match answer {
                Ok((200..=299, _)) => samples.latencies.push(latency),
                Ok((status, body)) => samples.fail(format!("{status}: {}", String::from_utf8_lossy(&body))),
                Err(error) => samples.fail(format!("{error:#}")),
            }
        }
        if !pace.rest.is_zero() {
            tokio::time::sleep(pace.rest).await;
        }
    }
    Ok(outcome)
}

impl Outcome {
    /// The samples of one kind of call.
    pub(in crate::bench) fn of(&mut self, kind: usize) -> &mut Samples {
        if self.samples.len() <= kind {
            self.samples.resize(kind + 1, Samples::default());
        }
        &mut self.samples[kind]
    }

    fn add(&mut self, other: Self) {
        for (kind, samples) in other.samples.into_iter().enumerate() {
            let sum = self.of(kind);
            sum.latencies.extend(samples.latencies);
            sum.errors += samples.errors;
            sum.first_error = sum.first_error.take().or(samples.first_error);
        }
    }
}

impl Samples {
    fn fail(&mut self, error: String) {
        self.errors += 1;
        self.first_error.get_or_insert(error);
    }
}

/// The latency that this share (0 to 1) of the good answers did not exceed, in milliseconds.
pub(in crate::bench) fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let latency = sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default();
    latency.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_smallest_that_cover_their_share() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        for (share, want) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)] {
            assert!((percentile_ms(&sorted, share) - want).abs() < 1e-9);
        }
        assert!((percentile_ms(&[], 0.5)).abs() < 1e-9);
    }
}
