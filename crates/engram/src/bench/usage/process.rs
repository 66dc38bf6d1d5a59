//! The process that is killed: it records events as requests would and writes a line for each answer.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use metering::{Meter, MeterOptions};
use stdx::clock::{Clock, SystemClock};
use tenancy::{Counters, RequestId, TenantId, UsageEvent};

use super::Plan;
use super::ledger::{Place, Twice};

/// The hidden command that runs one.
pub(crate) const COMMAND: &str = "usage-process";
/// The one tenant of the run.
pub(super) const TENANT: &str = "ten_00000000000000000000000000000007";
/// Events between two pauses of a thread.
const BURST: u64 = 16;

/// One process: where it keeps its spool, where its ledger is, and how fast it serves.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) folder: PathBuf,
    pub(crate) ledger: Place,
    pub(crate) threads: usize,
    /// Events a second, of all threads.
    pub(crate) pace: u64,
}

impl Process {
    pub(super) fn new(folder: &Path, ledger: &Place, plan: &Plan) -> Self {
        let per_life = plan.events as u64 / (plan.kills as u64 + 1);
        Self {
            folder: folder.to_owned(),
            ledger: ledger.clone(),
            threads: plan.threads,
            pace: (per_life * 1_000 / plan.life_ms.max(1)).max(1_000),
        }
    }

    pub(super) fn spawn(&self) -> Result<Child> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["bench", COMMAND, "--folder"]).arg(&self.folder);
        command.args(["--threads", &self.threads.to_string(), "--pace", &self.pace.to_string()]);
        match &self.ledger {
            Place::File(path) => command.arg("--file").arg(path),
            Place::Postgres(url) => command.args(["--control-url", url]),
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().context("cannot start a metering process")
    }

    /// Serves until it is killed, or until nobody listens any more.
    pub(crate) async fn serve(self) -> Result<()> {
        let meter = open(&self.folder, &self.ledger)?;
        let _tasks = meter.start();
        let pause = Duration::from_secs(1).saturating_mul(BURST as u32 * self.threads as u32)
            / u32::try_from(self.pace).unwrap_or(u32::MAX);
        let servers: Vec<_> = (0..self.threads)
            .map(|_| {
                let meter = Arc::clone(&meter);
                tokio::task::spawn_blocking(move || answer_requests(&meter, pause))
            })
            .collect();
        for server in servers {
            // Ends with a broken pipe: the client is gone.
            let _ = server.await?;
        }
        Ok(())
    }
}

/// The meter of a run, flushing and rotating far more often than a service's, so that kills meet it at work.
pub(super) fn open(folder: &Path, ledger: &Place) -> Result<Arc<Meter>> {
    let options = MeterOptions {
        flush_every: Duration::from_millis(10),
        flush_events: 200,
        segment_bytes_max: 64 << 10,
        ..MeterOptions::default()
    };
    let ledger = Arc::new(Twice::new(ledger.clone()));
    Ok(Meter::open(&folder.join("spool"), ledger, options, SystemClock::shared())?)
}

fn answer_requests(meter: &Meter, pause: Duration) -> io::Result<()> {
    for number in 1_u64.. {
        let event = event(number);
        meter.record(&event);
        let c = event.counters;
        let line = format!(
            "answered {} {} {} {} {} {} whole\n",
            event.request_id,
            event.occurred_at.as_millisecond(),
            c.api_calls,
            c.search_queries,
            c.memories_created,
            c.storage_bytes_delta
        );
        io::stdout().lock().write_all(line.as_bytes())?;
        if number.is_multiple_of(BURST) {
            thread::sleep(pause);
        }
    }
    Ok(())
}

/// Searches and creates in turn.
pub(super) fn event(number: u64) -> UsageEvent {
    let occurred_at = SystemClock.now();
    let request_id = RequestId::at(occurred_at);
    let (route, counters) = if number.is_multiple_of(3) {
        let bytes = (number % 4_096).cast_signed();
        let created =
            Counters { memories_created: number % 7 + 1, storage_bytes_delta: bytes, ..Counters::default() };
        ("create_memory_batch", created)
    } else {
        ("search", Counters { search_queries: 1, ..Counters::default() })
    };
    UsageEvent {
        request_id,
        tenant_id: tenant(),
        workspace: Some("default".to_owned()),
        route: route.to_owned(),
        status: 200,
        counters: Counters { api_calls: 1, ..counters },
        occurred_at,
    }
}

pub(super) fn tenant() -> TenantId {
    TenantId::parse(TENANT).unwrap_or_else(|_| unreachable!("the constant is a tenant id"))
}
