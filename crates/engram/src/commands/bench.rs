//! `engram bench`: measure speed under load and retrieval quality.

mod gateway;
mod load;
mod operate;
mod retrieval;
mod search;
mod usage;

use std::borrow::Borrow;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal::{self, Format};

/// Measure speed and retrieval quality
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Latency, throughput, CPU and memory of the service under load
    Load(load::Load),
    /// How often search finds what answers a question
    Retrieval(retrieval::Retrieval),
    /// How long one search takes, without network and on one thread
    Search(search::Search),
    /// Usage under `kill -9` and outages: what is lost, what is double, and how fast it is
    Usage(usage::Usage),
    /// What the way in costs: keys, tokens, quotas, many tenants in one process
    Gateway(gateway::Gateway),
    /// What an operator's tools cost: the scrape, the console's pages, traces
    Operate(operate::Operate),
    /// The process that `usage` kills
    #[command(hide = true)]
    UsageProcess(usage::UsageProcess),
}

impl Bench {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        match self.deed {
            Deed::Load(load) => load.run(shared).await,
            Deed::Retrieval(retrieval) => retrieval.run(shared).await,
            Deed::Search(search) => search.run(shared).await,
            Deed::Usage(usage) => usage.run(shared).await,
            Deed::Gateway(gateway) => gateway.run(shared).await,
            Deed::Operate(operate) => operate.run(shared).await,
            Deed::UsageProcess(process) => process.run().await,
        }
    }
}

/// Turns while a run goes on.
fn spinner() -> ProgressBar {
    let progress = ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(200));
    progress
}

/// Writes a report for a machine, or shows it to people.
fn present<R: Serialize>(shared: &Shared, report: &R, show: impl FnOnce(&R)) -> Result<(), Failure> {
    match shared.format() {
        Format::Json => terminal::json(report),
        Format::People => {
            show(report);
            Ok(())
        }
    }
}

/// Fails with the promises that a run found broken.
fn must_hold<S: Borrow<str>>(broken: &[S]) -> Result<(), Failure> {
    if broken.is_empty() { Ok(()) } else { Err(Failure::refused(broken.join("; "))) }
}

/// A folder for the run, removed after it.
fn scratch(parent: Option<&std::path::Path>) -> Result<tempfile::TempDir, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("engram-bench-");
    let folder = match parent {
        Some(parent) => builder.tempdir_in(parent),
        None => builder.tempdir(),
    };
    folder.map_err(|error| {
        Failure::refused(format!("cannot make a folder for the run: {error}; choose one with --scratch"))
    })
}
