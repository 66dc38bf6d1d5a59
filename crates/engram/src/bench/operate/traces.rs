//! What a request pays for its trace: services that differ in nothing else, asked in turns.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::ProgressBar;

use super::Plan;
use super::collector::{self, Collector};
use super::installation::fill;
use super::report::{Spans, TraceRow, Traces};
use crate::bench::load::{
    Call, Calls, Connection, Outcome, Pace, Scenario, Service, cpu_time, drive, percentile_ms,
};
use crate::bench::texts::Texts;

/// What is asked, and what the row is called.
const KINDS: [(Scenario, &str); 2] = [(Scenario::Get, "get"), (Scenario::Search, "search")];

/// A service, where its traces go, and what was measured of each kind in each turn.
struct Traced {
    service: Service,
    traces: &'static str,
    turns: [Vec<Turn>; KINDS.len()],
}

/// One turn of one service.
struct Turn {
    p50_ms: f64,
    cpu_ms: f64,
    requests: usize,
    errors: u64,
}

pub(super) async fn measure(plan: &Plan, folder: &Path, progress: &ProgressBar) -> Result<Traces> {
    std::fs::create_dir(folder)?;
    let texts = Arc::new(Texts::new(plan.seed));
    let live = Collector::start().await?;
    // The listener is let go of at the end.
    let (silent, _listener) = collector::silent().await?;
    let ways = [
        ("off", None),
        ("to a collector", Some(live.endpoint.clone())),
        ("to a dead collector", Some(collector::dead().await?)),
        ("to a silent collector", Some(silent)),
    ];
    let mut all = Vec::new();
    for (number, (traces, endpoint)) in ways.into_iter().enumerate() {
        progress.set_message(format!("a service with traces {traces}"));
        let settings = endpoint.map(|endpoint| format!("telemetry.otlp_endpoint={endpoint}"));
        let service = Service::start_with(&folder.join(number.to_string()), settings.as_slice()).await?;
        fill(&service.target, &texts, plan.memories).await?;
        all.push(Traced { service, traces, turns: [Vec::new(), Vec::new()] });
    }
    let calls = Calls { texts, next_memory: Arc::default(), stored: plan.memories };
    // The first turn warms up and does not count.
    for round in 0..=plan.rounds {
        for traced in &mut all {
            progress.set_message(format!("traces {}: turn {round} of {}", traced.traces, plan.rounds));
            traced.take_turn(plan.turn, &calls, round > 0).await?;
        }
    }
    let (mut rows, mut spans) = (Vec::new(), Vec::new());
    for traced in all {
        rows.extend(traced.rows());
        spans.push(traced.end().await?);
    }
    Ok(Traces { rows, spans, collected_bytes: live.bytes() })
}

impl Traced {
    async fn take_turn(&mut self, measured: Duration, calls: &Calls, counts: bool) -> Result<()> {
        let pace = Pace { connections: 1, warm_up: Duration::ZERO, measured, rest: Duration::ZERO };
        for ((scenario, _), turns) in KINDS.into_iter().zip(&mut self.turns) {
            let calls = calls.clone();
            let pid = self.service.pid().context("a service went away")?;
            let before = cpu_time(pid).context("the time of a process cannot be read here")?;
            let outcome =
                drive(&self.service.target, pace, move |_, turn| scenario.call(&calls, 0, turn)).await?;
            let cpu = cpu_time(pid).unwrap_or(before).saturating_sub(before);
            if counts {
                turns.push(Turn::of(outcome, cpu));
            }
        }
        Ok(())
    }

    fn rows(&self) -> impl Iterator<Item = TraceRow> {
        KINDS.iter().zip(&self.turns).map(|((_, request), turns)| TraceRow {
            traces: self.traces.to_owned(),
            request: (*request).to_owned(),
            p50_ms: median(turns.iter().map(|turn| turn.p50_ms)),
            cpu_ms: median(turns.iter().map(|turn| turn.cpu_ms)),
            requests: turns.iter().map(|turn| turn.requests as u64).sum(),
            errors: turns.iter().map(|turn| turn.errors).sum(),
        })
    }

    /// Stops it; what became of its spans until then.
    async fn end(self) -> Result<Spans> {
        let mut connection = Connection::open(&self.service.target).await?;
        let (_, body) = connection.call(&Call::get(0, "/metrics")).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        self.service.stop().await?;
        Ok(Spans {
            traces: self.traces.to_owned(),
            sent: sum(&text, "engram_trace_spans_sent_total"),
            lost: sum(&text, "engram_trace_spans_lost_total"),
        })
    }
}

impl Turn {
    fn of(mut outcome: Outcome, cpu: Duration) -> Self {
        let samples = outcome.of(0);
        samples.latencies.sort_unstable();
        let requests = samples.latencies.len();
        let cpu_ms = cpu.as_secs_f64() * 1e3 / requests.max(1) as f64;
        Self { p50_ms: percentile_ms(&samples.latencies, 0.5), cpu_ms, requests, errors: samples.errors }
    }
}

/// The sum of all series of a metric.
fn sum(text: &str, name: &str) -> u64 {
    let lines = text.lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum::<f64>() as u64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_metric_are_added_up() {
        let text = "# TYPE a_total counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\nb_total 9\n";
        assert_eq!((sum(text, "a_total"), sum(text, "b_total"), sum(text, "c")), (5, 9, 0));
    }
}
