//! The meter: records events, knows what is on its way, and says when it is getting too much.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use control::{UsageDay, UsageHour};
use jiff::civil::Date;
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use tenancy::{Counters, NodeHour, TenantId, UsageEvent, UsageSum};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::flush;
use crate::spool::{Bounds, Position, Spool};
use crate::unsent::Unsent;
use crate::{Ledger, frame, metrics, node};

/// Events kept in memory while the disk refuses them; about 30 MB.
pub const EVENTS_IN_MEMORY_MAX: usize = 100_000;
/// Share of the spool's bound, in percent, from which pressure shows.
const NEAR_FULL_PERCENT: u64 = 80;

/// How the meter is set.
#[derive(Debug, Clone)]
pub struct MeterOptions {
    /// Longest time an event waits for its batch.
    pub flush_every: Duration,
    /// Events that are sent without waiting.
    pub flush_events: u64,
    /// Time between syncs of the spool; what a power cut may cost.
    pub sync_every: Duration,
    /// Size at which a new segment is begun, in bytes.
    pub segment_bytes_max: u64,
    /// Size of the whole spool, in bytes: 24 h at 500 requests a second.
    pub spool_bytes_max: u64,
    /// Age of the oldest unsent event from which [`Pressure::Near`] shows.
    pub spool_age_max: Duration,
}

impl Default for MeterOptions {
    fn default() -> Self {
        Self {
            flush_every: Duration::from_secs(5),
            flush_events: 1_000,
            sync_every: Duration::from_millis(100),
            segment_bytes_max: 8 << 20,
            spool_bytes_max: 4 << 30,
            spool_age_max: Duration::from_secs(24 * 3_600),
        }
    }
}

/// Why a meter cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the usage spool {folder} cannot be opened: {source}; check the folder's permissions and free space")]
pub struct MeterError {
    folder: String,
    source: io::Error,
}

/// Where a recorded event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In the spool: it survives the death of the process.
    OnDisk,
    /// In memory, because the disk refused it; the flusher sends it from there.
    InMemory,
    /// Nowhere; it is counted in `engram_usage_dropped_total`.
    Dropped,
}

/// How close the meter is to losing events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// All is well.
    Low,
    /// Nearly full, too old, or the disk refuses: take the node out of service and look.
    Near,
    /// The next event may be lost.
    Full,
}

/// Records usage events and sends them to a ledger. One per spool folder.
pub struct Meter {
    pub(crate) spool: Arc<Spool>,
    node: String,
    pub(crate) unsent: Unsent,
    pub(crate) in_memory: Mutex<VecDeque<UsageEvent>>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: SharedClock,
    pub(crate) options: MeterOptions,
    /// How far the ledger has come; held while a batch is on its way.
    pub(crate) sent_to: tokio::sync::Mutex<Position>,
    pub(crate) batch_is_full: Notify,
    pub(crate) spool_is_dirty: Notify,
    pub(crate) dirty: AtomicBool,
    pub(crate) recorded: AtomicU64,
    /// A part of the spool could not be read: what waits must be counted anew.
    pub(crate) lost_a_part: AtomicBool,
}

/// The background work of a meter; dropping it stops the work.
#[derive(Debug)]
pub struct MeterTasks {
    tasks: Vec<JoinHandle<()>>,
}

impl Meter {
    /// Opens the spool in `folder`, made if need be, and reads what an earlier process left in it.
    ///
    /// Nothing is sent before [`start`](Self::start) or [`drain`](Self::drain).
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(
        folder: &Path,
        ledger: Arc<dyn Ledger>,
        options: MeterOptions,
        clock: SharedClock,
    ) -> Result<Arc<Self>, MeterError> {
        let bounds =
            Bounds { segment_bytes_max: options.segment_bytes_max, spool_bytes_max: options.spool_bytes_max };
        let failed = |source| MeterError { folder: folder.display().to_string(), source };
        let unsent = Unsent::default();
        let (spool, start) = Spool::open(folder, bounds, |event| _ = unsent.add(event)).map_err(failed)?;
        let node = node::name_of(folder).map_err(failed)?;
        Ok(Arc::new(Self {
            spool: Arc::new(spool),
            node,
            unsent,
            in_memory: Mutex::default(),
            ledger,
            clock,
            options,
            sent_to: tokio::sync::Mutex::new(start),
            batch_is_full: Notify::new(),
            spool_is_dirty: Notify::new(),
            dirty: AtomicBool::new(false),
            recorded: AtomicU64::new(0),
            lost_a_part: AtomicBool::new(false),
        }))
    }

    /// Starts flushing and syncing in the background. Needs a tokio runtime.
    #[must_use = "dropping the tasks stops them"]
    pub fn start(self: &Arc<Self>) -> MeterTasks {
        MeterTasks {
            tasks: vec![
                tokio::spawn(flush::flush_for_ever(Arc::clone(self))),
                tokio::spawn(flush::sync_for_ever(Arc::clone(self))),
            ],
        }
    }

    /// Records one event: one write(2), no waiting for the ledger. Call it before the request is answered.
    ///
    /// What it returns needs no handling: a refusing disk is logged, counted and shown as [`pressure`](Self::pressure).
    pub fn record(&self, event: &UsageEvent) -> Kept {
        let frame = frame::encode(event);
        let mut waiting = 0;
        let kept = match self.spool.append(&frame, event, || waiting = self.unsent.add(event)) {
            Ok(()) => Kept::OnDisk,
            Err(error) => self.keep_in_memory(event, &error),
        };
        self.recorded.fetch_add(1, Ordering::Relaxed);
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.spool_is_dirty.notify_one();
        }
        if waiting == self.options.flush_events {
            self.batch_is_full.notify_one();
        }
        kept
    }

    /// What a tenant used that is not in the ledger yet. Read it before the ledger: an event that arrives there in
    /// between is then seen twice for a moment, never missed.
    pub fn unsent(&self, tenant: &TenantId) -> Counters {
        self.unsent.of(tenant)
    }

    /// The same by UTC day, oldest first.
    pub fn unsent_by_day(&self, tenant: &TenantId) -> Vec<UsageDay> {
        let mut days: BTreeMap<Date, UsageSum> = BTreeMap::new();
        for hour in self.unsent.by_hour(tenant) {
            *days.entry(UsageDay::day_of(hour.hour_start)).or_default() += hour.sum;
        }
        let day = |(day, UsageSum { requests, counters })| UsageDay { day, requests, counters };
        days.into_iter().map(day).collect()
    }

    /// The same by UTC hour, oldest first.
    pub fn unsent_by_hour(&self, tenant: &TenantId) -> Vec<UsageHour> {
        self.unsent.by_hour(tenant)
    }

    /// The name of this node: it stays with the spool's folder.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// What this node served and sent, by hour, oldest first; an hour is remembered for a week after it was sent.
    pub fn hours(&self) -> Vec<NodeHour> {
        self.spool.hours().list()
    }

    /// Events recorded and not yet confirmed by the ledger.
    pub fn depth(&self) -> u64 {
        self.unsent.depth().events
    }

    /// Age of the oldest event not yet confirmed; zero when there is none.
    pub fn oldest_age(&self) -> Duration {
        let Some(oldest) = self.unsent.depth().oldest else { return Duration::ZERO };
        self.clock.now().duration_since(oldest).try_into().unwrap_or(Duration::ZERO)
    }

    /// How close the bounds are.
    pub fn pressure(&self) -> Pressure {
        let in_memory = self.in_memory.lock().len();
        let (bytes, bytes_max) = (self.spool.bytes(), self.options.spool_bytes_max);
        if in_memory >= EVENTS_IN_MEMORY_MAX {
            Pressure::Full
        } else if in_memory > 0
            || bytes >= bytes_max / 100 * NEAR_FULL_PERCENT
            || self.oldest_age() >= self.options.spool_age_max
        {
            Pressure::Near
        } else {
            Pressure::Low
        }
    }

    /// Sends everything that waits and syncs the spool; gives up after `within`. Returns the number of events that
    /// still wait; those in the spool are sent by the next process.
    pub async fn drain(&self, within: Duration) -> u64 {
        let sent = tokio::time::timeout(within, self.send_all()).await;
        self.sync().await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, waiting = self.depth(), "usage events stay in the spool");
        }
        self.depth()
    }

    async fn send_all(&self) -> Result<(), flush::FlushError> {
        while self.depth() > 0 {
            if self.send_batch().await? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn keep_in_memory(&self, event: &UsageEvent, error: &io::Error) -> Kept {
        metrics::write_failed();
        self.spool.count_refused(event);
        let mut in_memory = self.in_memory.lock();
        if in_memory.len() < EVENTS_IN_MEMORY_MAX {
            if in_memory.is_empty() {
                tracing::error!(%error, "the usage spool refuses events; they are kept in memory");
            }
            in_memory.push_back(event.clone());
            self.unsent.add(event);
            return Kept::InMemory;
        }
        drop(in_memory);
        metrics::dropped();
        tracing::error!(%error, request_id = %event.request_id, tenant_id = %event.tenant_id, "a usage event is lost");
        Kept::Dropped
    }
}

impl Drop for MeterTasks {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("spool", &self.spool)
            .field("depth", &self.depth())
            .finish_non_exhaustive()
    }
}
