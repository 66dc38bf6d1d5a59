//! Every background job and how often it runs. A job that fails runs again at its next turn.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{close_idle_stores, embed_pending_memories, purge_expired_memories};
use crate::app::App;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Every job.
pub const JOBS: &[Job] = &[
    every(SECOND.saturating_mul(5), "embed_pending_memories", |app| {
        Box::pin(embed_pending_memories::run(app))
    }),
    every(SECOND.saturating_mul(30), "close_idle_stores", |app| Box::pin(close_idle_stores::run(app))),
    every(MINUTE, "purge_expired_memories", |app| Box::pin(purge_expired_memories::run(app))),
];

type Run = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// One job.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Its name, in logs and metrics.
    pub name: &'static str,
    /// Time between two runs.
    pub every: Duration,
    run: fn(Arc<App>) -> Run,
}

impl Job {
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
    // Not at the very start, where every millisecond is one of the first answer.
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + job.every, job.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
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
    Job { name, every, run }
}
