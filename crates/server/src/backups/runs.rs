//! Work that takes longer than a request may: what runs, how far it is, and how it ended.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use stdx::clock::SharedClock;
use tenancy::{Slug, TenantId};
use tokio_util::task::TaskTracker;

/// Finished runs that can still be asked about.
const FINISHED_MAX: usize = 1_000;

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// Backs up a tenant, or all that changed.
    Backup,
    /// Restores a tenant.
    Restore,
    /// Rehearses restores.
    RestoreTest,
    /// Wraps every tenant's key with a new operator's key.
    RotateOperatorKey,
}

impl RunKind {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::RestoreTest => "restore_test",
            Self::RotateOperatorKey => "rotate_operator_key",
        }
    }
}

/// Whom a run is about.
#[derive(Debug, Clone)]
pub struct About {
    /// The tenant.
    pub tenant: TenantId,
    /// Its slug when the run began.
    pub slug: Slug,
}

/// A look at a run.
#[derive(Debug, Clone)]
pub struct RunState {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: RunKind,
    /// The tenant it is about; `None`: all of them.
    pub about: Option<About>,
    /// The step it is at.
    pub stage: &'static str,
    /// How far the step is.
    pub done: u64,
    /// How much it is in all; 0 while that is not known.
    pub total: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, and what it made or why it failed.
    pub ended: Option<(Timestamp, Result<Value, String>)>,
}

/// The runs of this process.
#[derive(Debug)]
pub struct Runs {
    clock: SharedClock,
    runs: Mutex<VecDeque<Arc<Mutex<RunState>>>>,
    tasks: TaskTracker,
}

/// Where the work of a run tells how far it is.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Mutex<RunState>>);

impl Progress {
    /// Progress that nobody looks at.
    pub(super) fn unwatched() -> Self {
        Self(Arc::new(Mutex::new(RunState {
            id: String::new(),
            kind: RunKind::Restore,
            about: None,
            stage: "waiting",
            done: 0,
            total: 0,
            started_at: Timestamp::UNIX_EPOCH,
            ended: None,
        })))
    }

    /// The next step begins.
    pub fn stage(&self, stage: &'static str) {
        let mut state = self.0.lock();
        (state.stage, state.done, state.total) = (stage, 0, 0);
    }

    /// The step is so far.
    pub fn at(&self, done: u64, total: u64) {
        let mut state = self.0.lock();
        (state.done, state.total) = (done, total);
    }

    /// The step it is at.
    pub fn current_stage(&self) -> &'static str {
        self.0.lock().stage
    }
}

impl Runs {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, runs: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Begins work that goes on whoever waits for it.
    pub(crate) fn begin<T, F>(
        &self,
        id: String,
        kind: RunKind,
        about: Option<About>,
        work: impl FnOnce(Progress) -> F,
    ) -> RunState
    where
        T: Serialize + Send + 'static,
        F: Future<Output = Result<T, String>> + Send + 'static,
    {
        let run = self.enter(id, kind, about);
        let state = run.lock().clone();
        let working = work(Progress(Arc::clone(&run)));
        let clock = SharedClock::clone(&self.clock);
        self.tasks.spawn(async move {
            // A task of its own, so that a panic ends the run instead of leaving it at work for ever.
            let outcome = tokio::spawn(working).await.unwrap_or_else(|panic| Err(panic.to_string()));
            let outcome =
                outcome.and_then(|made| serde_json::to_value(made).map_err(|error| error.to_string()));
            run.lock().ended = Some((clock.now(), outcome));
        });
        state
    }

    fn enter(&self, id: String, kind: RunKind, about: Option<About>) -> Arc<Mutex<RunState>> {
        let started_at = self.clock.now();
        let state =
            RunState { id, kind, about, stage: "waiting", done: 0, total: 0, started_at, ended: None };
        let run = Arc::new(Mutex::new(state));
        let mut runs = self.runs.lock();
        runs.push_back(Arc::clone(&run));
        while runs.len() > FINISHED_MAX && runs.front().is_some_and(|run| run.lock().ended.is_some()) {
            runs.pop_front();
        }
        run
    }

    /// Begins work of a job and waits for it; it shows among the others meanwhile.
    pub(crate) async fn follow<T, F>(
        &self,
        kind: RunKind,
        work: impl FnOnce(Progress) -> F,
    ) -> Result<T, super::Trouble>
    where
        T: Serialize,
        F: Future<Output = Result<T, super::Trouble>>,
    {
        let run = self.enter(format!("run_{}", stdx::random::token(20)), kind, None);
        let outcome = work(Progress(Arc::clone(&run))).await;
        let told = match &outcome {
            Ok(made) => serde_json::to_value(made).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        run.lock().ended = Some((self.clock.now(), told));
        outcome
    }

    /// A run by its id.
    pub fn find(&self, id: &str) -> Option<RunState> {
        let runs = self.runs.lock();
        runs.iter().rev().map(|run| run.lock()).find(|run| run.id == id).map(|run| run.clone())
    }

    /// The newest runs, at work or ended, newest first.
    pub fn newest(&self, limit: usize) -> Vec<RunState> {
        let runs = self.runs.lock();
        runs.iter().rev().take(limit).map(|run| run.lock().clone()).collect()
    }

    /// Runs that are at work.
    pub fn at_work(&self) -> Vec<RunState> {
        let runs = self.runs.lock();
        runs.iter().map(|run| run.lock().clone()).filter(|run| run.ended.is_none()).collect()
    }

    /// Waits until nothing is at work.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use stdx::clock::SystemClock;

    use super::*;

    #[tokio::test]
    async fn a_run_tells_how_far_it_is_and_how_it_ended() {
        let runs = Runs::new(SystemClock::shared());
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let begun = runs.begin("r1".into(), RunKind::Backup, None, |progress| async move {
            progress.stage("copying");
            progress.at(1, 2);
            wait.await.unwrap();
            Ok::<_, String>(7)
        });
        assert_eq!((begun.stage, begun.ended.is_some()), ("waiting", false));
        while runs.find("r1").unwrap().done == 0 {
            tokio::task::yield_now().await;
        }
        let seen = runs.find("r1").unwrap();
        assert_eq!((seen.stage, seen.done, seen.total), ("copying", 1, 2));
        assert_eq!(runs.at_work().len(), 1);
        go.send(()).unwrap();
        runs.finish().await;
        assert_eq!(runs.find("r1").unwrap().ended.unwrap().1, Ok(Value::from(7)));
    }

    #[tokio::test]
    async fn failures_and_panics_end_a_run_too() {
        let runs = Runs::new(SystemClock::shared());
        runs.begin("r1".into(), RunKind::Backup, None, |_| async { Err::<(), _>("no room".to_owned()) });
        runs.begin("r2".into(), RunKind::Backup, None, |_| async {
            panic!("a defect") as Result<(), String>
        });
        runs.finish().await;
        assert_eq!(runs.find("r1").unwrap().ended.unwrap().1, Err("no room".to_owned()));
        assert!(runs.find("r2").unwrap().ended.unwrap().1.is_err());
        assert!(runs.find("r3").is_none());
    }
}
