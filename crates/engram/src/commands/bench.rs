//! `engram bench`: measure speed under load and retrieval quality.

mod gateway;
mod load;
mod operate;
mod retrieval;
mod search;
mod usage;

use clap::{Args, Subcommand};

use crate::cli::Shared;
use crate::failure::Failure;

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
