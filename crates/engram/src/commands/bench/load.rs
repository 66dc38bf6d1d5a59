//! `engram bench load`: drives a service over HTTP and shows how it holds up.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::{present, scratch};
use crate::bench::load::{Plan, Report, Scenario, run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  engram bench load                                       everything, on a service and a folder of its own
  engram bench load --scenarios search --sizes 10000 --seconds 10
  engram bench load --url http://127.0.0.1:8080 --api-key eng_live_... --scenarios search,get

With --url the run stores made-up memories in the key's tenant: give it a tenant of its own.";

/// Latency, throughput, CPU and memory of the service under load
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Load {
    /// A running service, instead of one started for the run
    #[arg(long, requires = "api_key")]
    url: Option<String>,
    /// Key for it
    #[arg(long, requires = "url", value_name = "KEY")]
    api_key: Option<String>,
    /// What to measure [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    scenarios: Vec<Scenario>,
    /// Memories in the store while reads are measured, ascending
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    sizes: Vec<u64>,
    /// Connections, instead of each scenario's own
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    connections: Option<u16>,
    /// Seconds measured of each scenario
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seconds before that which do not count
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// Seed of the texts; the same one makes the same texts
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Folder for the data of the run, on the disk to be measured [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Load {
    pub(super) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let scratch = scratch(self.scratch.as_deref())?;
        let scenarios =
            if self.scenarios.is_empty() { Scenario::value_variants().to_vec() } else { self.scenarios };
        let mut sizes = self.sizes;
        sizes.sort_unstable();
        let plan = Plan {
            target: self.url.zip(self.api_key),
            scenarios,
            sizes,
            connections: self.connections.map(usize::from),
            warm_up: Duration::from_secs(self.warm_up),
            measured: Duration::from_secs(self.seconds),
            seed: self.seed,
        };
        // The bar draws on standard error, and only on a terminal.
        let progress = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
        progress.enable_steady_tick(Duration::from_millis(200));
        let report = run(&plan, scratch.path(), &progress).await;
        progress.finish_and_clear();
        let report = report?;
        present(shared, &report, show)
    }
}

fn show(report: &Report) {
    let mib = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.0}"));
    let rows = report.rows.iter().map(|row| {
        let rate = row
            .memories_per_second
            .map_or_else(|| format!("{:.0}", row.per_second), |rate| format!("{rate:.0} rows"));
        [
            row.name.clone(),
            row.connections.to_string(),
            row.memories.to_string(),
            row.requests.to_string(),
            row.errors.to_string(),
            rate,
            format!("{:.2}", row.p50_ms),
            format!("{:.2}", row.p95_ms),
            format!("{:.2}", row.p99_ms),
            format!("{:.2}", row.max_ms),
            row.server_cpu_ms.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.3}")),
            mib(row.server_resident_mib),
        ]
    });
    let header = [
        "SCENARIO",
        "CONNS",
        "MEMORIES",
        "REQUESTS",
        "ERRORS",
        "PER SECOND",
        "P50 MS",
        "P95 MS",
        "P99 MS",
        "MAX MS",
        "CPU MS",
        "RSS MIB",
    ];
    terminal::table(header, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], rows);
    let disk = report.disk;
    terminal::line(format!(
        "Bare disk, durable rows a second: {:.0} one at a time, {:.0} in groups of 16.",
        disk.one_at_a_time_per_s, disk.groups_of_16_per_s
    ));
    if let Some(start) = report.start {
        terminal::line(format!(
            "Start to first answer: {:.0} ms in an empty folder, {:.0} ms with the data. Resident: {} MiB idle, {} MiB serving.",
            start.first_ms,
            start.again_ms,
            mib(start.idle_mib),
            mib(start.serving_mib)
        ));
    }
    for row in report.rows.iter().filter(|row| row.errors > 0) {
        terminal::line(format!("{}: {}", row.name, row.first_error.as_deref().unwrap_or_default()));
    }
}
