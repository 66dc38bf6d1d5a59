//! Opening the parts in their order, and what is said when one of them does not open.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control::{Control, ControlError};
use fleet::{Fleet, FleetError, FleetOptions};
use gateway::{Gateway, PepperError, Peppers};
use metering::{DryRun, Ledger, Meter, MeterError, MeterOptions};
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use tenancy::Environment;

use super::gateway_options::gateway_options;
use super::{App, Background, DevAccess, Lifecycle, control_plane};
use crate::backups::{self, Backups};
use crate::config::{Config, UsageRecording};
use crate::console::Console;
use crate::jobs::{Deletions, EmbeddingBacklog, ReconciledUsage};
use crate::telemetry::{History, RouteTimes, Telemetry};
use crate::vectors::Vectors;
use crate::watch::Findings;

/// Why the service does not start; each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder or a file in it is out of reach.
    #[error("cannot use {}: {error}; make it writable or choose another with --data-dir", .path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The control plane.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The control plane's database does not answer.
    #[error(
        "the control plane at {url} does not answer: {why}; check that PostgreSQL runs there and that control.url is \
         right, then start again"
    )]
    ControlAway {
        /// Where it should be, without its password.
        url: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// The usage spool.
    #[error(transparent)]
    Meter(#[from] MeterError),
    /// The stores.
    #[error("{0}; make the data folder writable or choose another with --data-dir")]
    Fleet(#[from] FleetError),
    /// The secret that keys are hashed with.
    #[error(transparent)]
    Pepper(#[from] PepperError),
    /// The vault, or the operator's key.
    #[error("backups: {0}")]
    Backups(#[from] backups::Trouble),
    /// The embedding provider's settings.
    #[error("embedding: {0}")]
    Embedding(String),
    /// A defect of ours.
    #[error("internal error: {0}")]
    Defect(String),
}

impl StartError {
    pub(super) fn folder(path: &Path, error: io::Error) -> Self {
        Self::Folder { path: path.to_owned(), error }
    }
}

pub(super) async fn open(config: Config, clock: SharedClock) -> Result<Arc<App>, StartError> {
    let telemetry = Telemetry::install();
    metrics::gauge!("engram_start_timestamp_seconds").set(clock.now().as_millisecond() as f64 / 1e3);
    let data_dir = config.service.data_dir.clone();
    make_private(&data_dir)?;
    make_private(&data_dir.join("control"))?;
    fleet::raise_open_files_limit();

    let embedding = config.embedding.to_provider().map_err(StartError::Embedding)?;
    let refused = |error: embedding::OpenError| StartError::Embedding(error.to_string());
    embedding.fetch().await.map_err(refused)?;
    let embedding = embedding::Embedding::open(embedding, Arc::clone(&clock)).map_err(refused)?;
    let vectors = Arc::new(Vectors::new(embedding));
    let reranker = match config.embedding.to_reranker().map_err(StartError::Embedding)? {
        Some(local) => {
            local.fetch().await.map_err(refused)?;
            Some(embedding::Reranker::open(local).map_err(refused)?)
        }
        None => None,
    };

    let environment = config.service.environment;
    let control = Arc::new(control_plane::open(&config, &clock).await?);
    let meter_options = MeterOptions {
        flush_every: config.usage.flush_every,
        flush_events: config.usage.flush_events as u64,
        ..MeterOptions::default()
    };
    let ledger: Arc<dyn Ledger> = match config.usage.recording {
        UsageRecording::On => Arc::<Control>::clone(&control),
        UsageRecording::DryRun => {
            tracing::warn!(
                "usage.dry_run is on: usage is measured and logged, and nobody can be billed on it"
            );
            Arc::new(DryRun)
        }
    };
    let meter = Meter::open(&data_dir.join("spool"), ledger, meter_options, Arc::clone(&clock))?;
    let fleet_options = FleetOptions {
        clock: Arc::clone(&clock),
        model: vectors.model(),
        stores_open_max: config.storage.stores_open_max,
        idle: config.storage.store_idle,
    };
    let fleet = Fleet::open(&data_dir, fleet_options)?;
    vectors.follow(&fleet);
    let gateway = open_gateway(&config, &data_dir, &control, &meter, &clock)?;
    let backups = Backups::open(&config, &clock)?;
    let dev = match environment {
        Environment::Dev => {
            let plan = &config.service.default_plan;
            Some(DevAccess::prepare(&data_dir, &control, &gateway, &fleet, plan).await?)
        }
        Environment::Staging | Environment::Prod => None,
    };

    let lifecycle = Lifecycle::new(config.limits.in_flight);
    let console = Console::new(&config, &clock);
    let app = Arc::new(App {
        config,
        clock,
        control,
        gateway,
        meter,
        fleet,
        backups,
        vectors,
        reranker,
        telemetry,
        route_times: RouteTimes::default(),
        history: History::default(),
        findings: Findings::default(),
        embedding_backlog: EmbeddingBacklog::default(),
        console,
        lifecycle,
        deletions: Deletions::default(),
        reconciled_usage: ReconciledUsage::default(),
        dev,
        background: Mutex::default(),
    });
    backups::keep_before_migration(&app);
    if let Err(error) = backups::fail_interrupted(&app).await {
        tracing::warn!(%error, "restores that were cut short are not on record");
    }
    *app.background.lock() = Background {
        jobs: Some(crate::jobs::start(&app)),
        meter: Some(app.meter.start()),
        gateway: Some(app.gateway.start()),
    };
    Ok(app)
}

fn open_gateway(
    config: &Config,
    data_dir: &Path,
    control: &Arc<Control>,
    meter: &Arc<Meter>,
    clock: &SharedClock,
) -> Result<Arc<Gateway>, StartError> {
    let peppers = peppers(config, data_dir)?;
    let options = gateway_options(config);
    Ok(Gateway::new(Arc::clone(control), Arc::clone(meter), peppers, Arc::clone(clock), options))
}

fn peppers(config: &Config, data_dir: &Path) -> Result<Peppers, PepperError> {
    match (&config.keys.peppers, &config.keys.peppers_file) {
        (Some(secret), _) => Peppers::parse(secret.reveal()),
        (None, Some(file)) => {
            let failed = |source| PepperError::File { path: file.display().to_string(), source };
            Peppers::parse(&std::fs::read_to_string(file).map_err(failed)?)
        }
        (None, None) => Peppers::load_or_create(&data_dir.join("control/pepper")),
    }
}

fn make_private(folder: &Path) -> Result<(), StartError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| StartError::folder(folder, error))
}
