//! What the way in costs: keys, tokens, the whole admission, strangers' tokens, quotas under a rush, and many tenants
//! in one process. Everything runs in this process, on a folder of its own, with the embedded control plane.

mod admission;
mod provider;
mod quota;
mod report;
mod service;
mod strangers;
mod tenants;
mod timing;

use std::path::Path;

use anyhow::Result;
use indicatif::ProgressBar;

pub(crate) use report::Report;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Rounds of each timing; the median round is told.
    pub(crate) rounds: usize,
    /// Timed calls of a round.
    pub(crate) calls: usize,
    /// Tokens whose key nobody knows.
    pub(crate) strangers: usize,
    /// Callers who rush at a quota at once.
    pub(crate) callers: usize,
    /// Tenants in the process.
    pub(crate) tenants: usize,
    /// Tenants that store and search.
    pub(crate) active: usize,
    /// Stores open at once; as the service chooses when `None`.
    pub(crate) stores_open_max: Option<usize>,
}

/// Runs everything in `folder`, which must be empty.
pub(crate) async fn run(plan: &Plan, folder: &Path, progress: &ProgressBar) -> Result<Report> {
    progress.set_message("one tenant: keys, tokens, admission");
    let admission = admission::measure(plan, &folder.join("admission")).await?;
    progress.set_message("tokens with unknown keys");
    let strangers = strangers::measure(plan, &folder.join("strangers")).await?;
    progress.set_message("a rush at a quota");
    let quota = quota::measure(plan, &folder.join("quota")).await?;
    progress.set_message("many tenants");
    let tenants = tenants::measure(plan, &folder.join("tenants"), progress).await?;
    Ok(Report { rounds: plan.rounds as u64, calls: plan.calls as u64, admission, strangers, quota, tenants })
}
