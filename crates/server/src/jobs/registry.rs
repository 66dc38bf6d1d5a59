//! Every background job and how often it runs. A job that fails runs again at its next turn.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{
    back_up_control_plane, back_up_tenants, close_idle_stores, delete_tenants, embed_pending_memories,
    finish_erasures, measure_backups, measure_stores, migrate_stores, prune_usage, purge_expired_memories,
    reconcile_usage, retain_backups, run_checks, sample_history, test_restores,
};
use crate::app::App;
use crate::telemetry::SAMPLE_EVERY;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Every job.
pub const JOBS: &[Job] = &[
    every(SECOND.saturating_mul(5), "embed_pending_memories", |app| {
        Box::pin(embed_pending_memories::run(app))
    }),
    every(SAMPLE_EVERY, "sample_history", |app| Box::pin(sample_history::run(app))),
    every(SECOND.saturating_mul(30), "close_idle_stores", |app| Box::pin(close_idle_stores::run(app))),
    every(SECOND.saturating_mul(10), "measure_stores", |app| Box::pin(measure_stores::run(app))).at_start(),
    every(MINUTE, "measure_backups", |app| Box::pin(measure_backups::run(app))).at_start(),
    every(MINUTE, "run_checks", |app| Box::pin(run_checks::run(app))),
    every(MINUTE, "purge_expired_memories", |app| Box::pin(purge_expired_memories::run(app))),
    every(MINUTE, "delete_tenants", |app| Box::pin(delete_tenants::run(app)))
        .at_start()
        .rung_by(|app| app.deletions.bell()),
    every(MINUTE.saturating_mul(5), "reconcile_usage", |app| Box::pin(reconcile_usage::run(app))),
    every(MINUTE.saturating_mul(60), "prune_usage", |app| Box::pin(prune_usage::run(app))),
    every(MINUTE, "finish_erasures", |app| Box::pin(finish_erasures::run(app))),
    every(MINUTE.saturating_mul(60), "migrate_stores", |app| Box::pin(migrate_stores::run(app))).at_start(),
    every(MINUTE.saturating_mul(10), "back_up_tenants", |app| Box::pin(back_up_tenants::run(app))),
    every(MINUTE, "back_up_control_plane", |app| Box::pin(back_up_control_plane::run(app))),
    every(MINUTE.saturating_mul(60), "retain_backups", |app| Box::pin(retain_backups::run(app))),
    every(MINUTE.saturating_mul(60), "test_restores", |app| Box::pin(test_restores::run(app))),
];

type Run = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// One job.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Its name, in logs and metrics.
    pub name: &'static str,
    /// Time between two runs.
    pub every: Duration,
    first: First,
    run: fn(Arc<App>) -> Run,
    bell: Option<fn(&App) -> Arc<Notify>>,
}

/// When a job runs for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// Not at the very start, where every millisecond is one of the first answer.
    AfterAPeriod,
    /// What an earlier process left unfinished goes on at once.
    AtStart,
}

impl Job {
    const fn at_start(self) -> Self {
        Self { first: First::AtStart, ..self }
    }

    /// It also runs at once when this is rung.
    const fn rung_by(self, bell: fn(&App) -> Arc<Notify>) -> Self {
        Self { bell: Some(bell), ..self }
    }

    /// Whether it runs as soon as the service starts.
    pub fn is_at_start(&self) -> bool {
        match self.first {
            First::AtStart => true,
            First::AfterAPeriod => false,
        }
    }

    /// Runs it once, now.
    ///
    /// # Errors
    /// What went wrong; the next run tries again.
    pub async fn run_now(&self, app: &Arc<App>) -> Result<(), String> {
        (self.run)(Arc::clone(app)).await
    }
}

/// The running jobs; dropping it stops them.
#[derive(Debug)]
pub struct JobTasks {
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for JobTasks {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Starts every job. They hold the service weakly: it ends when its last user lets go of it.
pub(crate) fn start(app: &Arc<App>) -> JobTasks {
    let mut tasks: Vec<_> = JOBS.iter().map(|job| tokio::spawn(repeat(*job, Arc::downgrade(app)))).collect();
    tasks.push(tokio::spawn(app.telemetry.clone().upkeep()));
    JobTasks { tasks }
}

async fn repeat(job: Job, app: Weak<App>) {
    let bell = match (job.bell, app.upgrade()) {
        (Some(bell), Some(app)) => bell(&app),
        // Nobody rings this one.
        (_, _) => Arc::default(),
    };
    let first = match job.first {
        First::AtStart => Instant::now(),
        First::AfterAPeriod => Instant::now() + job.every,
    };
    let mut ticks = interval_at(first, job.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = bell.notified() => {}
        }
        let Some(app) = app.upgrade() else { return };
        let now = app.clock.now();
        match (job.run)(app).await {
            Ok(()) => metrics::gauge!("engram_job_last_success_timestamp_seconds", "job" => job.name)
                .set(now.as_millisecond() as f64 / 1_000.0),
            Err(error) => {
                metrics::counter!("engram_job_failures_total", "job" => job.name).increment(1);
                tracing::warn!(job = job.name, error, "a job failed");
            }
        }
    }
}

const fn every(every: Duration, name: &'static str, run: fn(Arc<App>) -> Run) -> Job {
    Job { name, every, first: First::AfterAPeriod, run, bell: None }
}
