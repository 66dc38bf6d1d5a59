//! `engram bench operate`: what the scrape, the console's pages and traces cost.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{must_hold, present, scratch, spinner};
use crate::bench::operate::{Plan, Report, run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  engram bench operate                                       10,000 tenants, 1,000 of them active
  engram bench operate --tenants 500 --active 50 --rounds 3  the same in a quarter of the time
  engram bench operate --rounds 20 --seconds 3 --json        steadier numbers, for machines

Services run as processes of their own on folders of the run, and are asked over HTTP: one with all tenants for the
scrape and the pages; four that differ only in where their traces go, asked in turns by one connection.
Fails when a page or a request does, or when no trace arrives. A figure beyond its aim is told, and fails nothing.";

/// What an operator's tools cost: the scrape, the console's pages, traces
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Operate {
    /// Tenants in the process that is scraped
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    tenants: u32,
    /// Tenants that have just stored a memory and searched for it
    #[arg(long, default_value_t = 1_000)]
    active: u32,
    /// Memories of the tenant whose pages are looked at, and of each service that is traced
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    memories: u32,
    /// Scrapes of /metrics
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    scrapes: u16,
    /// Looks at each page
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    looks: u16,
    /// Turns of each service that is traced or not; the median turn is told
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of each kind of request in a turn
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seed of the texts; the same one makes the same texts
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Folder for the data of the run [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Operate {
    pub(super) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let turn = Duration::try_from_secs_f64(self.seconds)
            .map_err(|error| Failure::usage(format!("--seconds {}: {error}", self.seconds)))?;
        let scratch = scratch(self.scratch.as_deref())?;
        let plan = Plan {
            tenants: self.tenants as usize,
            active: self.active as usize,
            memories: u64::from(self.memories),
            scrapes: usize::from(self.scrapes),
            looks: usize::from(self.looks),
            rounds: usize::from(self.rounds),
            turn,
            seed: self.seed,
        };
        let progress = spinner();
        let report = run(&plan, scratch.path(), &progress).await;
        progress.finish_and_clear();
        let report = report?;
        present(shared, &report, show)?;
        must_hold(&report.broken())
    }
}

fn show(report: &Report) {
    let ms = |time: f64| format!("{time:.2}");
    let kb = |bytes: u64| format!("{:.1}", bytes as f64 / 1e3);
    let scrapes = [("one", &report.scrape.alone), ("all", &report.scrape.among)];
    let rows = scrapes.map(|(tenants, scrape)| {
        [tenants.to_owned(), ms(scrape.p50_ms), ms(scrape.p95_ms), ms(scrape.max_ms), kb(scrape.bytes)]
    });
    terminal::table(["TENANTS", "SCRAPE P50 MS", "P95 MS", "MAX MS", "KB"], &[1, 2, 3, 4], rows);
    let rows = report.pages.iter().map(|page| {
        let times = [ms(page.server_p50_ms), ms(page.server_max_ms)];
        let [p50, max] = times;
        [page.path.clone(), p50, max, kb(page.bytes), kb(page.first_view_bytes)]
    });
    terminal::table(["PAGE", "SERVER P50 MS", "MAX MS", "KB", "FIRST VIEW KB"], &[1, 2, 3, 4], rows);
    let rows = report.traces.rows.iter().map(|row| {
        [row.traces.clone(), row.request.clone(), ms(row.p50_ms), ms(row.cpu_ms), row.requests.to_string()]
    });
    terminal::table(["TRACES", "REQUEST", "P50 MS", "CPU MS", "REQUESTS"], &[2, 3, 4], rows);
    let rows = report
        .traces
        .spans
        .iter()
        .map(|spans| [spans.traces.clone(), spans.sent.to_string(), spans.lost.to_string()]);
    terminal::table(["TRACES", "SPANS SENT", "SPANS LOST"], &[1, 2], rows);
    let rows = report.aims().map(|aim| {
        let reached = if aim.is_reached { "reached" } else { "missed" };
        [aim.what.to_owned(), aim.aim, aim.measured, reached.to_owned()]
    });
    terminal::table(["WHAT", "AIM", "MEASURED", ""], &[], rows);
}
