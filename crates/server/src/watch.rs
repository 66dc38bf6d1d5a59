//! The playbook, executable: each check is a file, and this is the list of them.

mod backup_age;
mod clock;
mod control_plane;
mod disk_space;
mod embeddings;
mod integrity;
mod jwks;
mod open_failures;
mod runbooks;
mod token_settings;
mod usage_spool;
mod volume;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::app::App;

pub(crate) use integrity::integrity_of;
pub use runbooks::{RUNBOOKS, Runbook, runbook};

/// A check that takes longer is itself a finding.
const CHECK_MAX: Duration = Duration::from_secs(15);

/// Every check, in the order in which one would look.
pub const CHECKS: &[Check] = &[
    check("volume", "db_open_failures", |app| Box::pin(volume::look(app))),
    check("disk_space", "disk_space", |app| Box::pin(disk_space::look(app))),
    check("clock", "auth_failures_spike", |app| Box::pin(clock::look(app))),
    check("control_plane", "5xx_rate", |app| Box::pin(control_plane::look(app))),
    check("open_failures", "db_open_failures", |app| Box::pin(open_failures::look(app)))
        .repaired_by(|app| Box::pin(open_failures::open_again(app))),
    check("usage_spool", "usage_spool_backlog", |app| Box::pin(usage_spool::look(app)))
        .repaired_by(|app| Box::pin(usage_spool::send_now(app))),
    check("backup_age", "backup_stale", |app| Box::pin(backup_age::look(app))),
    check("embeddings", "embedding_failures", |app| Box::pin(embeddings::look(app))),
    check("jwks", "jwks_stale", |app| Box::pin(jwks::look(app)))
        .repaired_by(|app| Box::pin(jwks::read_anew(app))),
    check("token_settings", "auth_failures_spike", |app| Box::pin(token_settings::look(app))),
];

/// What a check found, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// All is well.
    Ok(String),
    /// Somebody should look.
    Warn(String),
    /// Something does not work.
    Fail(String),
}

/// A finding, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The check's name.
    pub check: &'static str,
    /// The page that says what to do, without its ending.
    pub runbook: &'static str,
    /// What was found.
    pub finding: Finding,
}

/// Every finding of one round.
#[derive(Debug, Clone)]
pub struct Round {
    /// When it began.
    pub at: Timestamp,
    /// What each check found.
    pub found: Vec<Found>,
}

/// The newest round, for pages that must not wait for one.
#[derive(Debug, Default)]
pub struct Findings(Mutex<Option<Round>>);

impl Findings {
    /// The newest round; `None` before the first.
    pub fn newest(&self) -> Option<Round> {
        self.0.lock().clone()
    }

    /// How many checks failed in it.
    pub fn failing(&self) -> usize {
        let newest = self.0.lock();
        let found = newest.iter().flat_map(|round| &round.found);
        found.filter(|found| matches!(found.finding, Finding::Fail(_))).count()
    }
}

type Look<'a> = Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;
type Repair<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// The page that says what to do, without its ending.
    pub runbook: &'static str,
    look: fn(&App) -> Look<'_>,
    repair: Option<fn(&App) -> Repair<'_>>,
}

impl Check {
    /// What sets it right without any harm.
    const fn repaired_by(self, repair: fn(&App) -> Repair<'_>) -> Self {
        Self { repair: Some(repair), ..self }
    }

    async fn run(&self, app: &App) -> Found {
        let finding = tokio::time::timeout(CHECK_MAX, (self.look)(app)).await;
        let finding = finding
            .unwrap_or_else(|_| Finding::Fail(format!("did not answer within {} s", CHECK_MAX.as_secs())));
        Found { check: self.name, runbook: self.runbook, finding }
    }
}

impl Finding {
    /// `ok`, `warn` or `fail`.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Ok(_) => "ok",
            Self::Warn(_) => "warn",
            Self::Fail(_) => "fail",
        }
    }

    /// The sentence.
    pub fn into_detail(self) -> String {
        match self {
            Self::Ok(detail) | Self::Warn(detail) | Self::Fail(detail) => detail,
        }
    }

    fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }
}

/// Runs every check, and remembers what was found.
pub async fn run_all(app: &App) -> Vec<Found> {
    let at = app.clock.now();
    let mut found = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        found.push(check.run(app).await);
    }
    *app.findings.0.lock() = Some(Round { at, found: found.clone() });
    found
}

/// Repairs what can be, where a check found something; the names of those checks.
pub async fn repair(app: &App) -> Vec<&'static str> {
    let mut repaired = Vec::new();
    for check in CHECKS {
        let Some(repair) = check.repair else { continue };
        if !check.run(app).await.finding.is_ok() {
            repair(app).await;
            repaired.push(check.name);
        }
    }
    repaired
}

const fn check(name: &'static str, runbook: &'static str, look: fn(&App) -> Look<'_>) -> Check {
    Check { name, runbook, look, repair: None }
}
