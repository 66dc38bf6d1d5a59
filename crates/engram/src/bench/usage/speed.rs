//! How fast events are recorded and sent.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use metering::{DryRun, Ledger, Meter, MeterOptions};
use stdx::clock::SystemClock;

use super::Plan;
use super::ledger::{self, Place};
use super::process::event;
use super::report::Speed;

/// Longest wait for a measured drain.
const DRAIN_MAX: Duration = Duration::from_secs(300);

pub(super) async fn measure(plan: &Plan, folder: &Path, place: &Place) -> Result<Speed> {
    let (events, threads) = (plan.speed_events, plan.threads);
    let open = |name: &str, ledger: Arc<dyn Ledger>| {
        Meter::open(&folder.join(name), ledger, MeterOptions::default(), SystemClock::shared())
    };
    let appending = open("appends", Arc::new(DryRun))?;
    let _syncing = appending.start();
    let appends_per_s = tokio::task::spawn_blocking(move || append(&appending, events, threads)).await?;

    let ledger: Arc<dyn Ledger> = Arc::new(ledger::open(place).await?);
    let flushing = open("flush", Arc::clone(&ledger))?;
    for number in 0..events as u64 {
        flushing.record(&event(number));
    }
    let started = Instant::now();
    ensure!(flushing.drain(DRAIN_MAX).await == 0, "the ledger did not take the events in time");
    let flushed_per_s = events as f64 / started.elapsed().as_secs_f64();

    // As in a service: the flusher is at work while requests are answered.
    let serving = open("serving", ledger)?;
    let _flushing = serving.start();
    let [record_p50_us, record_p99_us] =
        tokio::task::spawn_blocking(move || latency(&serving, events)).await?;
    Ok(Speed {
        events: events as u64,
        threads: threads as u64,
        appends_per_s,
        flushed_per_s,
        record_p50_us,
        record_p99_us,
    })
}

fn append(meter: &Meter, events: usize, threads: usize) -> f64 {
    let each = (events / threads.max(1)) as u64;
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..each).for_each(|number| _ = meter.record(&event(number))));
        }
    });
    (each * threads as u64) as f64 / started.elapsed().as_secs_f64()
}

/// Microseconds at the middle and at 99 of 100, of making an event and recording it.
fn latency(meter: &Meter, events: usize) -> [f64; 2] {
    let mut taken: Vec<Duration> = (0..events as u64)
        .map(|number| {
            let started = Instant::now();
            meter.record(&event(number));
            let took = started.elapsed();
            if number.is_multiple_of(8) {
                thread::sleep(Duration::from_micros(200));
            }
            took
        })
        .collect();
    taken.sort_unstable();
    let at = |share: f64| taken.get((taken.len() as f64 * share) as usize).copied().unwrap_or_default();
    [at(0.5), at(0.99)].map(|took| took.as_secs_f64() * 1e6)
}
