//! `engram bench search`: how long one search takes, without network and on one thread.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use super::scratch;
use crate::bench::search::{Plan, Report, Row, run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram bench search
  engram bench search --sizes 600,10000,100000,1000000
  engram bench search --sizes 10000 --searches 10000 --json

A search is timed from the text to the memories read: embedding, near words, gathering, ranking. The smallest size is
about a conversation. The store is read anew before each size, as after a restart.";

/// How long one search takes, without network and on one thread
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Search {
    /// Memories in the store, ascending
    #[arg(long, value_delimiter = ',', default_values_t = [600, 10_000, 100_000])]
    sizes: Vec<u64>,
    /// Searches measured of each kind
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    searches: u32,
    /// Seed of the texts; the same one makes the same texts
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Folder for the store of the run [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Search {
    pub(super) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let scratch = scratch(self.scratch.as_deref())?;
        let mut sizes = self.sizes;
        sizes.sort_unstable();
        let plan = Plan { sizes, searches: self.searches as usize, seed: self.seed };
        let progress = ProgressBar::new_spinner();
        progress.enable_steady_tick(Duration::from_millis(200));
        let spinner = progress.clone();
        let measured = tokio::task::spawn_blocking(move || run(&plan, scratch.path(), &spinner));
        let report = measured.await.map_err(Failure::refused)?;
        progress.finish_and_clear();
        let report = report?;
        match shared.format() {
            Format::Json => terminal::json(&report),
            Format::People => {
                show(&report);
                Ok(())
            }
        }
    }
}

fn show(report: &Report) {
    let ms = |value: f64| format!("{value:.3}");
    let rows = report.rows.iter().map(|row: &Row| {
        [
            row.memories.to_string(),
            row.ranking.to_owned(),
            row.filter.to_owned(),
            ms(row.p50_ms),
            ms(row.p95_ms),
            ms(row.p99_ms),
            ms(row.max_ms),
            row.resident_mib.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.0}")),
        ]
    });
    let header = ["MEMORIES", "RANKING", "FILTER", "P50 MS", "P95 MS", "P99 MS", "MAX MS", "RSS MIB"];
    terminal::table(header, &[0, 3, 4, 5, 6, 7], rows);
    terminal::line(format!("{} searches a row, one thread, seed {}.", report.searches, report.seed));
}
