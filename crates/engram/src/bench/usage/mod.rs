//! Whether usage can be billed on: a metering process is killed again and again while its ledger comes and goes, and
//! what the ledger holds in the end is compared with what the client was answered. And how fast all that is.
//!
//! The client keeps its own log of answers, from what the killed processes wrote to it; it shares no code with the
//! spool or the ledger. Every batch is sent twice.

mod check;
mod client;
mod ledger;
mod postgres;
mod process;
mod report;
mod speed;

use std::path::Path;

use anyhow::{Context, Result};
use indicatif::ProgressBar;

pub(crate) use ledger::Place;
pub(crate) use process::Process;
pub(crate) use report::Report;

use client::Answers;
use postgres::Postgres;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Answers to collect over all processes.
    pub(crate) events: usize,
    /// Processes to kill on the way.
    pub(crate) kills: usize,
    /// Requests served at once by a process.
    pub(crate) threads: usize,
    /// How long a process lives on average, in milliseconds.
    pub(crate) life_ms: u64,
    /// Times the ledger goes away, when it is a server of our own.
    pub(crate) outages: usize,
    /// Events of each measurement of speed.
    pub(crate) speed_events: usize,
    /// Where the ledger is.
    pub(crate) ledger: LedgerChoice,
    /// Decides the moments.
    pub(crate) seed: u64,
}

/// Where the ledger is kept.
#[derive(Debug, Clone)]
pub(crate) enum LedgerChoice {
    /// In a file of the run's folder.
    Sqlite,
    /// In a PostgreSQL server that the run starts, stops and starts again.
    OwnPostgres,
    /// In an empty PostgreSQL database of somebody's.
    Postgres(String),
}

/// Runs everything in `folder`, which must be empty.
pub(crate) async fn run(plan: &Plan, folder: &Path, progress: &ProgressBar) -> Result<Report> {
    let mut server = match &plan.ledger {
        LedgerChoice::OwnPostgres => Some(Postgres::start().context("cannot start PostgreSQL")?),
        LedgerChoice::Sqlite | LedgerChoice::Postgres(_) => None,
    };
    let place = |name: &str| match (&plan.ledger, &server) {
        (LedgerChoice::Postgres(url), _) => Ok(Place::Postgres(url.clone())),
        (_, Some(server)) => server.database(name).map(Place::Postgres),
        (_, None) => Ok(Place::File(folder.join(name).with_extension("db"))),
    };
    let (proof, speed) = (place("proof")?, place("speed")?);
    progress.set_message("serving and killing");
    let answers = collect(plan, folder, &proof, server.as_mut(), progress).await?;
    progress.set_message("comparing the ledger with the answers");
    let durability = check::compare(plan, folder, &proof, answers).await?;
    progress.set_message("measuring speed");
    let speed = speed::measure(plan, folder, &speed).await?;
    Ok(Report { ledger: proof.kind(), seed: plan.seed, durability, speed })
}

/// Serves in processes that are killed, until there are enough answers.
async fn collect(
    plan: &Plan,
    folder: &Path,
    place: &Place,
    mut server: Option<&mut Postgres>,
    progress: &ProgressBar,
) -> Result<Answers> {
    // Before the first process, because the first thing it meets may be an outage.
    ledger::open(place).await?;
    let mut answers = Answers::new(plan.seed);
    for life in 0..=plan.kills {
        if let Some(server) = server.as_deref_mut() {
            match outage_at(life, plan) {
                Some(Turn::Away) => server.stop()?,
                Some(Turn::Back) => server.run()?,
                None => {}
            }
        }
        let is_last = life == plan.kills;
        let ends_after = if is_last { plan.events } else { answers.next_kill(plan, life) };
        let process = Process::new(folder, place, plan);
        answers = tokio::task::spawn_blocking(move || answers.live(&process, ends_after)).await??;
        progress.set_position(answers.len() as u64);
    }
    if let Some(server) = server {
        server.run()?;
    }
    Ok(answers)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Away,
    Back,
}

/// What becomes of the ledger's server before a life: it is away for a fifth of the time between two outages.
fn outage_at(life: usize, plan: &Plan) -> Option<Turn> {
    let period = plan.kills.checked_div(plan.outages).filter(|period| *period >= 2)?;
    let (at, length) = (life % period, (period / 5).max(1));
    if at == period - length {
        return Some(Turn::Away);
    }
    (at == 0 && life > 0).then_some(Turn::Back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_comes_back_after_each_outage() {
        let plan = Plan {
            events: 1,
            kills: 20,
            threads: 1,
            life_ms: 1,
            outages: 2,
            speed_events: 1,
            ledger: LedgerChoice::OwnPostgres,
            seed: 1,
        };
        let turns: Vec<_> =
            (0..=20).filter_map(|life| outage_at(life, &plan).map(|turn| (life, turn))).collect();
        assert_eq!(turns, [(8, Turn::Away), (10, Turn::Back), (18, Turn::Away), (20, Turn::Back)]);
        assert_eq!(outage_at(10, &Plan { outages: 0, ..plan }), None);
    }
}
