//! The service put together: every part it is made of, how it starts and how it ends.

mod control_plane;
mod dev_access;
mod gateway_options;
mod lifecycle;
mod start;

use std::sync::Arc;
use std::time::Duration;

use control::Control;
use fleet::Fleet;
use gateway::{Gateway, GatewayTasks};
use metering::{Meter, MeterTasks};
use parking_lot::Mutex;
use stdx::clock::SharedClock;

pub use control_plane::{
    ControlPlane, inspect as inspect_control_plane, migrate as migrate_control_plane,
    open as open_control_plane,
};
pub use dev_access::DevAccess;
pub use lifecycle::{InFlight, Lifecycle};
pub use start::StartError;

use crate::backups::Backups;
use crate::config::Config;
use crate::console::Console;
use crate::jobs::{Deletions, EmbeddingBacklog, JobTasks, ReconciledUsage};
use crate::telemetry::{History, RouteTimes, Telemetry, flush_traces};
use crate::vectors::Vectors;
use crate::watch::Findings;
use embedding::Reranker;

/// The longest a shutdown waits for the usage spool to reach the ledger and for traces to reach their collector; the
/// rest of the spool is sent at the next start.
const SPOOL_DRAIN: Duration = Duration::from_secs(5);

/// The longest a shutdown waits for backups and restores at work.
const RUNS_DRAIN: Duration = Duration::from_secs(10);

/// A running service. Doors borrow it; it knows no listener.
#[derive(Debug)]
pub struct App {
    /// What was chosen.
    pub config: Config,
    /// Tells the time.
    pub clock: SharedClock,
    /// Tenants, keys, plans, the ledger.
    pub control: Arc<Control>,
    /// Who may do what.
    pub gateway: Arc<Gateway>,
    /// Usage events on their way.
    pub meter: Arc<Meter>,
    /// Every tenant's store.
    pub fleet: Arc<Fleet>,
    /// The vault, and what is at work on it.
    pub backups: Backups,
    /// Text in, vectors out.
    pub vectors: Arc<Vectors>,
    /// A second opinion on hits, where one is configured.
    pub reranker: Option<Reranker>,
    /// Metrics.
    pub telemetry: Telemetry,
    /// How long requests took lately.
    pub route_times: RouteTimes,
    /// What was served in the last hours.
    pub history: History,
    /// What the checks of the playbook found lately.
    pub findings: Findings,
    /// Who is signed in at the console.
    pub console: Console,
    /// Whether the service wants traffic, and how much there is.
    pub lifecycle: Lifecycle,
    /// Tenants on their way out.
    pub deletions: Deletions,
    /// Memories that wait for vectors.
    pub embedding_backlog: EmbeddingBacklog,
    /// How far usage was found to agree.
    pub reconciled_usage: ReconciledUsage,
    /// The default tenant and its key; in dev only.
    pub dev: Option<DevAccess>,
    background: Mutex<Background>,
}

/// Work that goes on while the service lives.
#[derive(Debug, Default)]
struct Background {
    jobs: Option<JobTasks>,
    meter: Option<MeterTasks>,
    gateway: Option<GatewayTasks>,
}

impl App {
    /// Opens everything under the data folder (made for this user alone if it is not there), creates what a
    /// first start needs, and starts the background jobs. Needs a tokio runtime.
    ///
    /// The caller owns the folder; see [`ownership`](crate::ownership).
    ///
    /// # Errors
    /// [`StartError`], a sentence that says what to do.
    pub async fn open(config: Config) -> Result<Arc<Self>, StartError> {
        start::open(config, stdx::clock::SystemClock::shared()).await
    }

    /// The same with another clock; for tests.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open_with_clock(config: Config, clock: SharedClock) -> Result<Arc<Self>, StartError> {
        start::open(config, clock).await
    }

    /// Every route of every door, behind the edge; for a listener ([`edge::serve`](crate::edge::serve)) or for
    /// calls inside the process.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        crate::rest::router(self)
    }

    /// Ends the service: stops the jobs, sends usage events, checkpoints and closes every store. Listeners must
    /// have stopped before. Safe to repeat.
    pub async fn shutdown(&self) {
        self.lifecycle.begin_drain();
        let Background { jobs, meter, gateway } = std::mem::take(&mut *self.background.lock());
        drop((jobs, gateway));
        // What is cut short is put back by whoever opens the tenant next.
        if tokio::time::timeout(RUNS_DRAIN, self.backups.runs.finish()).await.is_err() {
            tracing::warn!("a backup or a restore is cut short; what it was at stays as it was");
        }
        self.gateway.write_last_uses().await;
        let (waiting, ()) = tokio::join!(self.meter.drain(SPOOL_DRAIN), flush_traces(SPOOL_DRAIN));
        if waiting > 0 {
            tracing::info!(waiting, "usage events wait in the spool for the next start");
        }
        drop(meter);
        self.fleet.close_all().await;
    }
}
