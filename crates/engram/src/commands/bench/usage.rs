//! `engram bench usage`: proves that usage survives kills and outages, and measures what it costs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::{present, scratch};
use crate::bench::usage::{LedgerChoice, Place, Plan, Process, Report, run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  engram bench usage                                       20,000 events, 20 kills, the ledger in SQLite
  engram bench usage --ledger postgres                     the same with a PostgreSQL server that dies three times
  engram bench usage --ledger postgres --events 1000000 --kills 1000 --outages 20 --life-ms 400
  engram bench usage --control-url postgres://user:pw@host/empty_database

Fails when an answered request is lost, counted twice or differs.";

/// Usage under `kill -9` and outages: what is lost, what is double, and how fast it is
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Usage {
    /// Answers to collect
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    events: u32,
    /// Processes to kill at random moments
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// Requests served at once
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..64))]
    threads: u16,
    /// How long a process lives on average, in milliseconds; on a busy machine longer, or no batch is ever sent
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..))]
    life_ms: u64,
    /// Where the ledger is
    #[arg(long, value_enum, default_value = "sqlite")]
    ledger: LedgerKind,
    /// An empty PostgreSQL database for the ledger, instead of a server of the run's own
    #[arg(long, value_name = "URL", hide_env_values = true)]
    control_url: Option<String>,
    /// Times the run's own PostgreSQL dies and comes back
    #[arg(long, default_value_t = 3)]
    outages: u32,
    /// Events of each measurement of speed
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    speed_events: u32,
    /// Seed of the moments
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Folder for the data of the run, on the disk to be measured [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// The process that is killed
#[derive(Debug, Args)]
pub(super) struct UsageProcess {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    file: Option<PathBuf>,
    #[arg(long)]
    control_url: Option<String>,
    #[arg(long)]
    threads: usize,
    #[arg(long)]
    pace: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LedgerKind {
    /// A file.
    Sqlite,
    /// A server that the run starts, and lets die.
    Postgres,
}

impl Usage {
    pub(super) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let scratch = scratch(self.scratch.as_deref())?;
        let ledger = match (self.control_url, self.ledger) {
            (Some(url), _) => LedgerChoice::Postgres(url),
            (None, LedgerKind::Sqlite) => LedgerChoice::Sqlite,
            (None, LedgerKind::Postgres) => LedgerChoice::OwnPostgres,
        };
        let plan = Plan {
            events: self.events as usize,
            kills: self.kills as usize,
            threads: usize::from(self.threads),
            life_ms: self.life_ms,
            outages: self.outages as usize,
            speed_events: self.speed_events as usize,
            ledger,
            seed: self.seed,
        };
        let progress = ProgressBar::new(u64::from(self.events)).with_style(ProgressStyle::default_bar());
        progress.enable_steady_tick(Duration::from_millis(200));
        let report = run(&plan, scratch.path(), &progress).await;
        progress.finish_and_clear();
        let report = report?;
        present(shared, &report, show)?;
        if report.durability.holds() {
            return Ok(());
        }
        Err(Failure::refused(
            "usage was lost, counted twice or changed on its way; the numbers above say which",
        ))
    }
}

impl UsageProcess {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { folder, file, control_url, threads, pace } = self;
        let ledger = match (file, control_url) {
            (Some(path), None) => Place::File(path),
            (None, Some(url)) => Place::Postgres(url),
            (_, _) => return Err(Failure::usage("either --file or --control-url is needed")),
        };
        Ok(Process { folder, ledger, threads, pace }.serve().await?)
    }
}

fn show(report: &Report) {
    let (proof, speed) = (&report.durability, &report.speed);
    let rows = [
        ("answered", proof.answered.to_string()),
        ("processes killed", proof.kills.to_string()),
        ("times the ledger died", proof.ledger_outages.to_string()),
        ("in the ledger", proof.in_ledger.to_string()),
        ("of them sent by killed processes", proof.sent_by_the_killed.to_string()),
        ("lost", proof.lost.to_string()),
        ("double", proof.double.to_string()),
        ("differing", proof.differing.to_string()),
        (
            "recorded, killed before the answer",
            format!("{} of at most {}", proof.unanswered, proof.unanswered_max),
        ),
        ("drift", proof.drift.to_string()),
        ("spool, events/s", format!("{:.0}", speed.appends_per_s)),
        ("one flusher, events/s", format!("{:.0}", speed.flushed_per_s)),
        ("added to a request, p50 us", format!("{:.1}", speed.record_p50_us)),
        ("added to a request, p99 us", format!("{:.1}", speed.record_p99_us)),
    ];
    let rows = rows.map(|(name, value)| [name.to_owned(), value]);
    terminal::table([&format!("LEDGER: {}", report.ledger), ""], &[1], rows);
}
