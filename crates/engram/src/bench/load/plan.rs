//! The order of a load run: the disk, a fresh service and its writes, then stores of each size and what they answer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use serde_json::Value;

use super::connection::{Call, Connection, Target};
use super::disk;
use super::drive::{Outcome, Pace, Samples, drive};
use super::report::{Report, Row, Start};
use super::scenarios::{BATCH_ROWS, Calls, Scenario};
use super::service::{Service, cpu_time, resident_mib};
use crate::bench::texts::Texts;

/// After the first answer the service is left alone this long before its idle memory is read.
const SETTLE: Duration = Duration::from_secs(1);
/// How often `/health` is asked while searches keep both cores busy.
const HEALTH_EVERY: Duration = Duration::from_millis(5);

/// What to measure.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A running service; one of our own is started when absent.
    pub(crate) target: Option<(String, String)>,
    pub(crate) scenarios: Vec<Scenario>,
    /// Memories in the store while reads are measured, ascending.
    pub(crate) sizes: Vec<u64>,
    /// Instead of each scenario's own.
    pub(crate) connections: Option<usize>,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) seed: u64,
}

/// The service, and what has been stored in it.
struct Bench<'a> {
    plan: &'a Plan,
    target: Target,
    pid: Option<u32>,
    texts: Arc<Texts>,
    next_memory: Arc<AtomicU64>,
    progress: &'a ProgressBar,
    rows: Vec<Row>,
}

/// Runs it; services of our own keep their data in `scratch`.
///
/// # Errors
/// When the service cannot be started or reached. Refused requests are counted, not errors.
pub(crate) async fn run(plan: &Plan, scratch: &Path, progress: &ProgressBar) -> Result<Report> {
    let texts = Arc::new(Texts::new(plan.seed));
    progress.set_message("the bare disk");
    let disk = disk::measure(scratch, plan.measured.min(Duration::from_secs(2)), |number| {
        let mut row = texts.memory(number).to_string().into_bytes();
        row.push(b'\n');
        row
    })?;
    let bench = |target: Target, pid: Option<u32>| Bench {
        plan,
        target,
        pid,
        texts: Arc::clone(&texts),
        next_memory: Arc::default(),
        progress,
        rows: Vec::new(),
    };
    let mut report =
        Report { seed: plan.seed, seconds: plan.measured.as_secs_f64(), disk, start: None, rows: Vec::new() };

    if let Some((url, api_key)) = &plan.target {
        let mut bench =
            bench(Target { url: url.trim_end_matches('/').to_owned(), api_key: api_key.clone() }, None);
        bench.reads().await?;
        bench.writes().await?;
        report.rows = bench.rows;
        return Ok(report);
    }

    progress.set_message("starting a service");
    let service = Service::start(&scratch.join("writes")).await?;
    let first_start = service.start;
    tokio::time::sleep(SETTLE).await;
    let idle_mib = service.pid().and_then(resident_mib);
    let mut writes = bench(service.target.clone(), service.pid());
    writes.writes().await?;
    report.rows = writes.rows;
    service.stop().await?;

    let folder = scratch.join("reads");
    let service = Service::start(&folder).await?;
    let mut reads = bench(service.target.clone(), service.pid());
    reads.reads().await?;
    let serving_mib = service.pid().and_then(resident_mib);
    report.rows.extend(reads.rows);
    service.stop().await?;

    progress.set_message("starting again");
    let again = Service::start(&folder).await?;
    report.start = Some(Start {
        first_ms: first_start.as_secs_f64() * 1e3,
        again_ms: again.start.as_secs_f64() * 1e3,
        idle_mib,
        serving_mib,
    });
    again.stop().await?;
    Ok(report)
}

impl Bench<'_> {
    async fn writes(&mut self) -> Result<()> {
        for scenario in [Scenario::Create, Scenario::Batch] {
            self.measure(scenario).await?;
        }
        Ok(())
    }

    /// Fills the store to each size in turn and measures what reads it; what changes its size comes last.
    async fn reads(&mut self) -> Result<()> {
        let reading =
            [Scenario::Get, Scenario::Search, Scenario::Filtered, Scenario::Health, Scenario::Mixed];
        if !reading.iter().any(|scenario| self.plan.scenarios.contains(scenario)) {
            return Ok(());
        }
        for size in &self.plan.sizes {
            self.fill(*size).await?;
            for scenario in reading {
                self.measure(scenario).await?;
            }
        }
        Ok(())
    }

    async fn measure(&mut self, scenario: Scenario) -> Result<()> {
        if !self.plan.scenarios.contains(&scenario) {
            return Ok(());
        }
        let own = self.plan.connections.map(|connections| [connections]);
        for connections in own.as_ref().map_or(scenario.connections(), |own| own.as_slice()) {
            self.measure_at(scenario, *connections).await?;
        }
        Ok(())
    }

    async fn measure_at(&mut self, scenario: Scenario, connections: usize) -> Result<()> {
        let stored = self.stored().await?;
        self.progress.set_message(format!("{} with {connections} connections", scenario.kinds()[0]));
        let pace = Pace {
            connections,
            warm_up: self.plan.warm_up,
            measured: self.plan.measured,
            rest: Duration::ZERO,
        };
        let cpu_before = self.pid.and_then(cpu_time);
        let calls =
            Calls { texts: Arc::clone(&self.texts), next_memory: Arc::clone(&self.next_memory), stored };
        let load = drive(&self.target, pace, move |connection, turn| scenario.call(&calls, connection, turn));
        let (outcome, health) = if scenario == Scenario::Health {
            let pace = Pace { connections: 1, rest: HEALTH_EVERY, ..pace };
            let probe = drive(&self.target, pace, |_, _| Call::get(0, "/health"));
            let (outcome, health) = tokio::join!(load, probe);
            (outcome?, Some(health?))
        } else {
            (load.await?, None)
        };
        let cpu =
            self.pid.and_then(cpu_time).zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        let whole = pace.warm_up + pace.measured;
        let resident_mib = self.pid.and_then(resident_mib);
        let answered: usize = outcome.samples.iter().map(|samples| samples.latencies.len()).sum();
        // CPU is read around the warm-up too, so it is spread over the requests of both.
        let requests = answered as f64 * whole.as_secs_f64() / outcome.elapsed.as_secs_f64();
        let cpu_ms = cpu.map(|cpu| cpu.as_secs_f64() * 1e3 / requests.max(1.0));
        let row = |name: &str, connections, samples: &mut Samples, elapsed: Duration, rows_per_call| {
            Row::new(name, connections, stored, samples, elapsed, rows_per_call, cpu_ms, resident_mib)
        };
        let Outcome { mut samples, elapsed } = outcome;
        samples.resize(scenario.kinds().len(), Samples::default());
        for (name, samples) in scenario.kinds().iter().zip(&mut samples) {
            self.rows.push(row(name, connections, samples, elapsed, scenario.rows_per_call()));
        }
        if let Some(Outcome { mut samples, elapsed }) = health {
            samples.resize(1, Samples::default());
            self.rows.push(row("health, under search", 1, &mut samples[0], elapsed, 1));
        }
        Ok(())
    }

    /// Stores memories until there are `size`.
    async fn fill(&self, size: u64) -> Result<()> {
        let mut connection = Connection::open(&self.target).await?;
        let calls =
            Calls { texts: Arc::clone(&self.texts), next_memory: Arc::clone(&self.next_memory), stored: 0 };
        let mut stored = self.stored().await?;
        self.next_memory.fetch_max(stored, Ordering::Relaxed);
        while stored < size {
            self.progress.set_message(format!("storing {stored} of {size} memories"));
            let rows = BATCH_ROWS.min(size - stored);
            let (status, body) = connection.call(&calls.batch(0, rows)).await?;
            if status != 201 {
                bail!("the service refused a batch with {status}: {}", String::from_utf8_lossy(&body));
            }
            stored += rows;
        }
        Ok(())
    }

    async fn stored(&self) -> Result<u64> {
        let (status, body) = Connection::open(&self.target).await?.call(&Call::get(0, "/v1/stats")).await?;
        let stats: Option<Value> = serde_json::from_slice(&body).ok();
        stats
            .and_then(|stats| stats["memories"].as_u64())
            .with_context(|| format!("the service answered {status}: {}", String::from_utf8_lossy(&body)))
    }
}
