//! Sends what was recorded to the ledger, a batch at a time, and syncs the spool.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use control::{ControlError, Recorded};
use stdx::backoff::Backoff;
use tenancy::UsageEvent;
use tokio::time::sleep;

use crate::hours::SentHours;
use crate::segment::Damage;
use crate::spool::{Batch, Position};
use crate::unsent::Tally;
use crate::{Meter, metrics};

/// Events of one transaction of the ledger, when more than a batch waits.
const EVENTS_PER_BATCH_MAX: usize = 5_000;
/// Ceiling of the first wait after a failure; it doubles from there.
const FIRST_WAIT_MAX: Duration = Duration::from_millis(250);
/// Longest wait between tries while the ledger is away: as long as an event waits for its batch anyway. A try then costs
/// next to nothing, since the control plane answers for a server that is away.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Conflicts logged word for word, of one batch.
const CONFLICTS_LOGGED_MAX: usize = 10;

/// Why a batch is still in the spool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    #[error("the spool cannot be read or moved on: {0}")]
    Spool(#[from] io::Error),
    #[error(transparent)]
    Ledger(#[from] ControlError),
}

/// Sends batches until it is aborted: when one is full, else every `flush_every`.
pub(crate) async fn flush_for_ever(meter: Arc<Meter>) {
    let mut backoff = Backoff::new(FIRST_WAIT_MAX, WAIT_MAX);
    loop {
        tokio::select! {
            () = meter.batch_is_full.notified() => {}
            () = sleep(meter.options.flush_every) => {}
        }
        loop {
            let outcome = meter.send_batch().await;
            meter.show();
            match outcome {
                Ok(sent) if sent < EVENTS_PER_BATCH_MAX => {
                    backoff.reset();
                    break;
                }
                Ok(_) => backoff.reset(),
                Err(error) => {
                    let delay = backoff.next_delay();
                    tracing::warn!(%error, tries = backoff.attempts(), ?delay, waiting = meter.depth(),
                        "usage events could not be sent; they wait");
                    sleep(delay).await;
                }
            }
        }
    }
}

/// Syncs the spool until it is aborted; an idle meter costs nothing.
pub(crate) async fn sync_for_ever(meter: Arc<Meter>) {
    loop {
        meter.spool_is_dirty.notified().await;
        sleep(meter.options.sync_every).await;
        meter.dirty.store(false, Ordering::Release);
        meter.sync().await;
        meter.show();
    }
}

impl Meter {
    /// Sends one batch and forgets it. Returns the number of events sent.
    ///
    /// Dropped half-way it only sends again later: nothing is forgotten before the ledger has it.
    pub(crate) async fn send_batch(&self) -> Result<usize, FlushError> {
        let mut sent_to = self.sent_to.lock().await;
        let outcome = match self.send_from_memory(*sent_to).await {
            Ok(from_memory) => {
                self.send_from_spool(&mut sent_to).await.map(|from_spool| from_memory + from_spool)
            }
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            metrics::flush_failed();
        }
        outcome
    }

    async fn send_from_memory(&self, sent_to: Position) -> Result<usize, FlushError> {
        let events: Vec<UsageEvent> =
            self.in_memory.lock().iter().take(EVENTS_PER_BATCH_MAX).cloned().collect();
        let count = events.len();
        if count > 0 {
            let (tally, hours) = (Tally::of(&events).out_of_order(), SentHours::of(&events));
            self.send(events).await?;
            {
                let mut in_memory = self.in_memory.lock();
                in_memory.drain(..count);
                self.unsent.subtract(&tally);
            }
            // The cursor stays where it is; its file tells that these were sent.
            let spool = Arc::clone(&self.spool);
            on_blocking_thread(move || spool.advance(sent_to, &hours, &[])).await?;
        }
        Ok(count)
    }

    async fn send_from_spool(&self, sent_to: &mut Position) -> Result<usize, FlushError> {
        let (spool, from) = (Arc::clone(&self.spool), *sent_to);
        let batch = on_blocking_thread(move || spool.read(from, EVENTS_PER_BATCH_MAX)).await?;
        let Batch { events, end, damage } = batch;
        let count = events.len();
        let (tally, hours) = (Tally::of(&events), SentHours::of(&events));
        if count > 0 {
            self.send(events).await?;
            self.unsent.subtract(&tally);
        }
        // From here on the ledger has them: a crash before the cursor moves only sends them again.
        if end != *sent_to {
            tell_of(&damage);
            self.lost_a_part.fetch_or(!damage.is_empty(), Ordering::Relaxed);
            *sent_to = end;
            let spool = Arc::clone(&self.spool);
            on_blocking_thread(move || spool.advance(end, &hours, &damage)).await?;
        }
        if count < EVENTS_PER_BATCH_MAX && self.lost_a_part.swap(false, Ordering::Relaxed) {
            self.count_anew(end)?;
        }
        Ok(count)
    }

    /// Counts what waits from the spool itself, after `sent_to`. Without it, events that were lost would wait for ever.
    fn count_anew(&self, sent_to: Position) -> io::Result<()> {
        self.spool.recount(sent_to, |on_disk| {
            let in_memory = self.in_memory.lock();
            let waiting: Vec<UsageEvent> = in_memory.iter().chain(on_disk).cloned().collect();
            self.unsent.start_over(&waiting);
        })
    }

    async fn send(&self, events: Vec<UsageEvent>) -> Result<(), FlushError> {
        let started = Instant::now();
        let recorded = self.ledger.record_usage(events).await?;
        metrics::sent(&recorded, started.elapsed());
        tell_of_conflicts(&recorded);
        for event in &recorded.late {
            tracing::error!(
                ?event,
                "a usage event of a closed day is kept aside and not counted; correct the day by hand"
            );
        }
        Ok(())
    }

    /// Makes what was recorded survive a power cut.
    pub(crate) async fn sync(&self) {
        let spool = Arc::clone(&self.spool);
        if let Err(error) = on_blocking_thread(move || spool.sync()).await {
            tracing::error!(%error, "the usage spool could not be synced");
            metrics::write_failed();
        }
    }

    /// Brings the gauges up to date.
    fn show(&self) {
        metrics::recorded(self.recorded.load(Ordering::Relaxed));
        metrics::spool(self.depth(), self.spool.bytes(), self.oldest_age());
    }
}

fn tell_of(damage: &[Damage]) {
    metrics::corrupt(damage.len() as u64);
    for place in damage {
        tracing::error!(?place, "a part of the usage spool could not be read and was passed over");
    }
}

fn tell_of_conflicts(recorded: &Recorded) {
    for conflict in recorded.conflicting.iter().take(CONFLICTS_LOGGED_MAX) {
        tracing::error!(
            stored = ?conflict.stored,
            offered = ?conflict.offered,
            "two different usage events under one request id; the first one stands"
        );
    }
}

async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
