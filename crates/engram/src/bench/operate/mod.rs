//! What an operator's tools cost: a scrape of `/metrics` with many tenants, every page of the console, and traces.
//!
//! Each service is a process of its own, on a folder of the run.

mod browser;
mod collector;
mod installation;
mod pages;
mod report;
mod scrape;
mod traces;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;

use installation::Installation;

pub(crate) use report::Report;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Tenants beside the default one.
    pub(crate) tenants: usize,
    /// Of them, those that store and search just before the scrape.
    pub(crate) active: usize,
    /// Memories of the tenant whose pages are looked at, and of each service that is traced.
    pub(crate) memories: u64,
    /// Scrapes of `/metrics`.
    pub(crate) scrapes: usize,
    /// Looks at each page.
    pub(crate) looks: usize,
    /// Turns of each service that is traced or not; they alternate.
    pub(crate) rounds: usize,
    /// How long a turn asks for one kind of request.
    pub(crate) turn: Duration,
    pub(crate) seed: u64,
}

/// Runs everything in `folder`, which must be empty.
pub(crate) async fn run(plan: &Plan, folder: &Path, progress: &ProgressBar) -> Result<Report> {
    progress.set_message("a service with one tenant");
    let service = Installation::start(&folder.join("many")).await?;
    let scrape = scrape::measure(plan, &service, progress).await?;
    let pages = pages::measure(plan, &service, progress).await?;
    service.stop().await?;
    let traces = traces::measure(plan, &folder.join("traces"), progress).await?;
    Ok(Report {
        tenants: plan.tenants as u64,
        active: plan.active as u64,
        memories: plan.memories,
        scrape,
        pages,
        traces,
    })
}
