//! `engram bench gateway`: what the way in costs, and whether it holds under a rush.

use std::path::PathBuf;

use clap::Args;

use super::{must_hold, present, scratch, spinner};
use crate::bench::gateway::{Plan, Report, run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  engram bench gateway                                     10,000 tenants, 1,000 of them active
  engram bench gateway --tenants 1000 --active 100         the same in a few seconds
  engram bench gateway --rounds 9 --calls 20000 --json     steadier numbers, for machines
  engram bench gateway --stores-open 200                   fewer open stores than active tenants

Everything runs in this process, on a folder of its own: no socket, no other service. Times are medians over the
rounds; each stands beside a baseline of the same run, and the ratio of the two says more than either.
Fails when a quota lets too much or too little through, or when unknown tokens cost more than one read of the keys.";

/// What the way in costs: keys, tokens, quotas, many tenants in one process
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Gateway {
    /// Rounds of each timing; the median round is told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Timed calls of a round
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// Tokens whose key nobody knows
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    strangers: u32,
    /// Callers who rush at a quota at once; half of them fit
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(2..))]
    callers: u16,
    /// Tenants in the process
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    tenants: u32,
    /// Tenants that store a memory and search for it
    #[arg(long, default_value_t = 1_000)]
    active: u32,
    /// Stores open at once [default: as the service chooses, from memory and descriptors]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    stores_open: Option<u32>,
    /// Folder for the data of the run, on the disk to be measured [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Gateway {
    pub(super) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let scratch = scratch(self.scratch.as_deref())?;
        let plan = Plan {
            rounds: usize::from(self.rounds),
            calls: self.calls as usize,
            strangers: self.strangers as usize,
            callers: usize::from(self.callers),
            tenants: self.tenants as usize,
            active: self.active as usize,
            stores_open_max: self.stores_open.map(|number| number as usize),
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
    let Report { admission, strangers, quota, tenants, .. } = report;
    let us = |time: f64| format!("{time:.2} us");
    let times = |ratio: f64, what: &str| format!("{ratio:.2} x {what}");
    let mib =
        |weight: Option<f64>| weight.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib:.0} MiB"));
    let none = String::new;
    let rows = [
        ("HMAC-SHA-256 of a key", us(admission.hmac_us), none()),
        ("key seen before", us(admission.key_us), times(admission.key_to_hmac, "HMAC")),
        ("token proven before", us(admission.token_us), none()),
        ("new token", us(admission.new_token_us), times(admission.new_token_to_token, "one proven before")),
        ("GET of a memory, in process", us(admission.get_us), none()),
        (
            "admit and settle",
            us(admission.admit_and_settle_us),
            times(admission.admission_share_of_get, "the GET"),
        ),
        (
            "tokens with unknown keys",
            format!("{} of {} refused", strangers.refused, strangers.tokens),
            format!("keys read: {}", strangers.fetches),
        ),
        ("such a refusal", us(strangers.refusal_p50_us), format!("p99 {}", us(strangers.refusal_p99_us))),
        (
            "calls of a day, all callers at once",
            format!("{} of {}", quota.calls_admitted, quota.callers),
            format!("limit {}", quota.limit),
        ),
        (
            "memories, all callers at once",
            format!("{} of {}", quota.memories_stored, quota.callers),
            format!("limit {}", quota.limit),
        ),
        (
            "tenants created",
            tenants.tenants.to_string(),
            format!(
                "{:.1} s, {} (alone {})",
                tenants.create_seconds,
                mib(tenants.created_mib),
                mib(tenants.alone_mib)
            ),
        ),
        (
            "of them stored and searched",
            tenants.active.to_string(),
            format!("{:.1} s, {}", tenants.activate_seconds, mib(tenants.active_mib)),
        ),
        (
            "stores open after that",
            tenants.stores_open_after_rush.to_string(),
            format!("later {}, wanted {}", tenants.stores_open_later, tenants.stores_open_max),
        ),
        ("GET of a warm tenant, alone, p95", us(tenants.get_p95_alone_us), none()),
        ("the same among all, p95", us(tenants.get_p95_among_us), times(tenants.among_to_alone, "alone")),
    ];
    let rows = rows.map(|(name, value, beside)| [name.to_owned(), value, beside]);
    terminal::table(["WHAT", "MEASURED", "BESIDE"], &[1], rows);
}
