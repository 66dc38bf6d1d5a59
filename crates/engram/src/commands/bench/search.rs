//! `engram bench search`: how long one search takes, without network and on one thread.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{present, scratch, spinner};
use crate::bench::search::{Plan, Report, Row, StoreRow, run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  engram bench search
  engram bench search --sizes 1000000 --keep /var/tmp/stores
  engram bench search --sizes 10000 --searches 10000 --json

A search is timed from the text to the memories read: embedding, near words, gathering, ranking. The smallest size is
about a conversation. Each size is a store of its own; with --keep it stays, and the next run goes on with it.";

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
    /// Folder for the stores of the run, which are removed after it [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Folder in which the stores stay, and are used again by the next run
    #[arg(long, value_name = "DIR", conflicts_with = "scratch")]
    keep: Option<PathBuf>,
}

impl Search {
    pub(super) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let folder = match self.keep {
            Some(kept) => {
                let made = std::fs::create_dir_all(&kept);
                made.map_err(|error| Failure::refused(format!("{}: {error}", kept.display())))?;
                Folder::Kept(kept)
            }
            None => Folder::Scratch(scratch(self.scratch.as_deref())?),
        };
        let mut sizes = self.sizes;
        sizes.sort_unstable();
        let plan = Plan { sizes, searches: self.searches as usize, seed: self.seed };
        let progress = spinner();
        let spinner = progress.clone();
        let measured = tokio::task::spawn_blocking(move || run(&plan, folder.path(), &spinner));
        let report = measured.await.map_err(Failure::refused)?;
        progress.finish_and_clear();
        let report = report?;
        present(shared, &report, show)
    }
}

/// Where the stores of the run are.
enum Folder {
    /// Removed at the end.
    Scratch(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Scratch(folder) => folder.path(),
            Self::Kept(folder) => folder,
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
            ms(row.gather_p50_ms),
            ms(row.rank_p50_ms),
            ms(row.fill_p50_ms),
            row.resident_mib.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.0}")),
        ]
    });
    let header = [
        "MEMORIES", "RANKING", "FILTER", "P50 MS", "P95 MS", "P99 MS", "MAX MS", "GATHER", "RANK", "FILL",
        "RSS MIB",
    ];
    terminal::table(header, &[0, 3, 4, 5, 6, 7, 8, 9, 10], rows);
    let mib = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.0}"));
    let stores = report.stores.iter().map(|store: &StoreRow| {
        [
            store.memories.to_string(),
            format!("{:.0}", store.bytes_per_memory),
            format!("{:.0}", store.first_search_ms),
            mib(store.grown_mib),
            mib(store.left_mib),
        ]
    });
    let header = ["MEMORIES", "BYTES EACH", "FIRST SEARCH MS", "GROWN MIB", "LEFT MIB"];
    terminal::table(header, &[0, 1, 2, 3, 4], stores);
    terminal::line(format!("{} searches a row, one thread, seed {}.", report.searches, report.seed));
}
