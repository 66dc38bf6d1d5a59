//! What still waits for vectors of the model in use: memories of open stores, and closed stores by name.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::ModelIdentity;
use parking_lot::Mutex;
use tenancy::TenantId;

/// Closed stores are asked again this long after the last time.
const LIST_EVERY: Duration = Duration::from_secs(3_600);

/// What waits, as far as the job has seen.
#[derive(Debug, Default)]
pub struct EmbeddingBacklog {
    /// Held by a run: two at once would do the same work twice.
    pub(super) turn: tokio::sync::Mutex<()>,
    open_memories: AtomicU64,
    closed: Mutex<Closed>,
}

/// What waits, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Memories, of open and of closed stores.
    pub memories: u64,
    /// Closed stores.
    pub stores: u64,
    /// Whether closed stores were asked since the model is in use; until then nothing is known of them.
    pub is_known: bool,
}

/// Closed stores that wait.
#[derive(Debug, Default)]
struct Closed {
    /// The model they were asked about, and when.
    listed: Option<(ModelIdentity, i64)>,
    queue: VecDeque<ClosedStore>,
    /// Stores in which nothing waited, and the stamp of their file then: they are not opened to be asked again.
    settled: HashMap<TenantId, String>,
    /// Of those in the queue and those that are worked on.
    stores: u64,
    memories: u64,
}

/// A closed store, and how many of its memories wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClosedStore {
    pub(super) tenant: TenantId,
    pub(super) memories: u64,
}

impl EmbeddingBacklog {
    /// What waits now.
    pub fn waiting(&self) -> Waiting {
        let closed = self.closed.lock();
        Waiting {
            memories: self.open_memories.load(Ordering::Relaxed) + closed.memories,
            stores: closed.stores,
            is_known: closed.listed.is_some(),
        }
    }

    /// Says how many memories of open stores wait.
    pub(super) fn note_open(&self, memories: u64) {
        self.open_memories.store(memories, Ordering::Relaxed);
        self.tell();
    }

    /// Whether closed stores are to be asked: none was for this model, or all that waited are done and it is long ago.
    pub(super) fn is_due(&self, model: &ModelIdentity, now_ms: i64) -> bool {
        let closed = self.closed.lock();
        let every_ms = i64::try_from(LIST_EVERY.as_millis()).unwrap_or(i64::MAX);
        match &closed.listed {
            Some((of, _)) if of != model => true,
            Some((_, at_ms)) => closed.stores == 0 && now_ms.saturating_sub(*at_ms) >= every_ms,
            None => true,
        }
    }

    /// Stores in which nothing waited for a vector of the model, and the stamps of their files then.
    pub(super) fn settled(&self, model: &ModelIdentity) -> HashMap<TenantId, String> {
        let closed = self.closed.lock();
        match &closed.listed {
            Some((of, _)) if of == model => closed.settled.clone(),
            Some(_) | None => HashMap::new(),
        }
    }

    /// Takes note of every closed store that waits, and of those in which nothing does.
    pub(super) fn list(
        &self,
        model: &ModelIdentity,
        now_ms: i64,
        found: Vec<ClosedStore>,
        settled: HashMap<TenantId, String>,
    ) {
        let mut closed = self.closed.lock();
        *closed = Closed {
            listed: Some((model.clone(), now_ms)),
            settled,
            stores: found.len() as u64,
            memories: found.iter().map(|store| store.memories).sum(),
            queue: found.into(),
        };
        drop(closed);
        self.tell();
    }

    /// The next store to be worked on.
    pub(super) fn next(&self) -> Option<ClosedStore> {
        self.closed.lock().queue.pop_front()
    }

    /// A store was worked on; it comes last if some of its memories still wait.
    pub(super) fn put_back(&self, store: ClosedStore, memories_left: u64) {
        let mut closed = self.closed.lock();
        closed.memories = closed.memories.saturating_sub(store.memories) + memories_left;
        if memories_left > 0 {
            closed.queue.push_back(ClosedStore { memories: memories_left, ..store });
        } else {
            closed.stores = closed.stores.saturating_sub(1);
        }
        drop(closed);
        self.tell();
    }

    fn tell(&self) {
        let waiting = self.waiting();
        metrics::gauge!("engram_embeddings_pending").set(waiting.memories as f64);
        metrics::gauge!("engram_stores_to_embed").set(waiting.stores as f64);
    }
}

#[cfg(test)]
mod tests {
    use tenancy::RequestId;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn model(name: &str) -> ModelIdentity {
        ModelIdentity { name: name.into(), revision: "1".into(), dimensions: 8 }
    }

    fn store(memories: u64) -> ClosedStore {
        ClosedStore {
            tenant: TenantId::from_uuid(RequestId::at(jiff::Timestamp::UNIX_EPOCH).as_uuid()),
            memories,
        }
    }

    #[test]
    fn what_waits_goes_down_to_nothing_and_is_asked_again_an_hour_later() {
        let backlog = EmbeddingBacklog::default();
        assert!(!backlog.waiting().is_known && backlog.is_due(&model("a"), 0));
        let (small, large) = (store(10), store(1_000));
        backlog.list(&model("a"), 0, vec![small.clone(), large.clone()], HashMap::new());
        backlog.note_open(5);
        assert_eq!(backlog.waiting(), Waiting { memories: 1_015, stores: 2, is_known: true });
        assert!(!backlog.is_due(&model("a"), 2 * HOUR_MS), "what was listed is not done");
        assert!(backlog.is_due(&model("b"), 1), "nobody was asked about another model");

        assert_eq!((backlog.next(), backlog.next()), (Some(small.clone()), Some(large.clone())));
        backlog.put_back(small, 0);
        backlog.put_back(large.clone(), 400);
        assert_eq!(backlog.waiting(), Waiting { memories: 405, stores: 1, is_known: true });
        let rest = backlog.next().unwrap();
        assert_eq!((&rest.tenant, rest.memories), (&large.tenant, 400));
        backlog.put_back(rest, 0);
        assert_eq!((backlog.next(), backlog.waiting().memories), (None, 5));
        assert!(!backlog.is_due(&model("a"), HOUR_MS - 1) && backlog.is_due(&model("a"), HOUR_MS));

        let settled = HashMap::from([(large.tenant, "stamp".to_owned())]);
        backlog.list(&model("a"), HOUR_MS, Vec::new(), settled.clone());
        assert_eq!(backlog.settled(&model("a")), settled);
        assert!(backlog.settled(&model("b")).is_empty(), "all are asked about another model");
    }
}
