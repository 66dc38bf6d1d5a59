//! What was read from the control plane and may be believed for a while.
//!
//! An entry is fresh for 30 s. After that one request reads it anew while the others go on with what is there; when
//! the control plane does not answer, the old entry serves up to 15 minutes, so warm tenants notice nothing.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use control::ControlError;
use moka::sync::Cache;
use parking_lot::Mutex;

/// Entries are read anew after this; pushed changes make them go at once.
const FRESH_MS: i64 = 30_000;
/// Longest belief in an entry while the control plane is away.
const STALE_MS_MAX: i64 = 15 * 60_000;
/// Time after which another request tries, when a reading failed or hangs.
const RETRY_MS: i64 = 1_000;
/// Names known not to exist; junk pushes out junk, never an entry.
const ABSENT_MAX: u64 = 10_000;
const ABSENT_FOR: Duration = Duration::from_secs(30);

/// A bounded cache of one kind of thing.
pub(crate) struct Remembered<K, V> {
    present: Cache<K, Arc<Entry<V>>>,
    absent: Cache<K, ()>,
    /// Held while something is remembered or forgotten, never while something is looked up: a change is either
    /// announced before an old reading could be remembered, or forgets it after.
    changing: Mutex<()>,
}

/// One thing, as it was when it was read.
pub(crate) struct Entry<V> {
    pub(crate) value: V,
    read_at_ms: i64,
    /// When it is to be read anew; whoever moves it forward does the reading.
    due_at_ms: AtomicI64,
}

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    pub(crate) fn new(entries_max: u64) -> Self {
        let longest = Duration::from_millis(STALE_MS_MAX.unsigned_abs());
        Self {
            present: Cache::builder().max_capacity(entries_max).time_to_live(longest).build(),
            absent: Cache::builder().max_capacity(ABSENT_MAX).time_to_live(ABSENT_FOR).build(),
            changing: Mutex::new(()),
        }
    }

    /// The entry of `name`, from memory when it may be believed, else by `read`. `None`: there is no such thing.
    ///
    /// `announced` counts the changes the control plane is about to tell: what was read while one came in is not remembered.
    pub(crate) async fn get<Q, F>(
        &self,
        name: &Q,
        now_ms: i64,
        announced: impl Fn() -> u64,
        read: impl FnOnce() -> F,
    ) -> Result<Option<Arc<Entry<V>>>, ControlError>
    where
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        K: Borrow<Q>,
        F: Future<Output = Result<Option<V>, ControlError>>,
    {
        let held = self.present.get(name).filter(|entry| now_ms - entry.read_at_ms < STALE_MS_MAX);
        match &held {
            Some(entry) if !entry.claim_reading(now_ms) => return Ok(held),
            None if self.absent.contains_key(name) => return Ok(None),
            _ => {}
        }
        let seen = announced();
        match read().await {
            Ok(Some(value)) => {
                let entry = Arc::new(Entry {
                    value,
                    read_at_ms: now_ms,
                    due_at_ms: AtomicI64::new(now_ms + FRESH_MS),
                });
                let _changing = self.changing.lock();
                if announced() == seen {
                    self.present.insert(name.to_owned(), Arc::clone(&entry));
                    self.absent.invalidate(name);
                }
                Ok(Some(entry))
            }
            Ok(None) => {
                let _changing = self.changing.lock();
                self.present.invalidate(name);
                if announced() == seen {
                    self.absent.insert(name.to_owned(), ());
                }
                Ok(None)
            }
            Err(error) => match held {
                Some(entry) => {
                    tracing::warn!(%error, "the control plane does not answer; going on with what is remembered");
                    Ok(Some(entry))
                }
                None => Err(error),
            },
        }
    }

    pub(crate) fn forget<Q>(&self, name: &Q)
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        let _changing = self.changing.lock();
        self.present.invalidate(name);
        self.absent.invalidate(name);
    }

    pub(crate) fn forget_all(&self) {
        let _changing = self.changing.lock();
        self.present.invalidate_all();
        self.absent.invalidate_all();
    }
}

impl<V> Entry<V> {
    /// Whether the caller is the one to read anew.
    fn claim_reading(&self, now_ms: i64) -> bool {
        let due = self.due_at_ms.load(Ordering::Relaxed);
        now_ms >= due
            && self
                .due_at_ms
                .compare_exchange(due, now_ms + RETRY_MS, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const AWAY: fn() -> ControlError = || ControlError::Unavailable("on purpose".to_owned());

    /// Asks for "name" at `now_ms`; the control plane would answer `answer`. Returns what was got, and whether it
    /// was read.
    async fn ask(
        cache: &Remembered<String, u32>,
        now_ms: i64,
        answer: Result<Option<u32>, ControlError>,
    ) -> (Option<u32>, bool) {
        let read = Cell::new(false);
        let reading = || {
            read.set(true);
            async { answer }
        };
        let got = cache.get("name", now_ms, || 0, reading).await;
        (got.ok().flatten().map(|entry| entry.value), read.get())
    }

    #[tokio::test]
    async fn an_entry_is_read_again_after_30_s_and_believed_for_15_min_in_an_outage() {
        let cache = Remembered::new(10);
        assert_eq!(ask(&cache, 0, Err(AWAY())).await, (None, true));
        assert_eq!(ask(&cache, 0, Ok(Some(1))).await, (Some(1), true));
        assert_eq!(ask(&cache, 29_999, Ok(Some(2))).await, (Some(1), false));
        assert_eq!(ask(&cache, 30_000, Ok(Some(2))).await, (Some(2), true));
        assert_eq!(ask(&cache, 60_000, Err(AWAY())).await, (Some(2), true));
        assert_eq!(ask(&cache, 60_500, Err(AWAY())).await, (Some(2), false));
        assert_eq!(ask(&cache, 61_000, Err(AWAY())).await, (Some(2), true));
        assert_eq!(ask(&cache, 929_999, Err(AWAY())).await, (Some(2), true));
        assert_eq!(ask(&cache, 930_001, Err(AWAY())).await, (None, true));
    }

    #[tokio::test]
    async fn what_is_absent_is_remembered_until_it_is_told_otherwise() {
        let cache = Remembered::new(10);
        assert_eq!(ask(&cache, 0, Ok(None)).await, (None, true));
        assert_eq!(ask(&cache, 1, Ok(Some(1))).await, (None, false));
        cache.forget("name");
        assert_eq!(ask(&cache, 2, Ok(Some(1))).await, (Some(1), true));
        cache.forget_all();
        assert_eq!(ask(&cache, 3, Ok(Some(2))).await, (Some(2), true));
        assert_eq!(ask(&cache, 40_000, Ok(None)).await, (None, true));
        assert_eq!(ask(&cache, 40_001, Ok(Some(3))).await, (None, false));
    }

    #[tokio::test]
    async fn what_was_read_while_a_change_came_in_is_not_remembered() {
        let cache: Remembered<String, u32> = Remembered::new(10);
        let revision = Cell::new(0);
        let reading = || async {
            revision.set(1);
            Ok(Some(1))
        };
        let got = cache.get("name", 0, || revision.get(), reading).await.unwrap().unwrap();
        assert_eq!(got.value, 1);
        assert_eq!(ask(&cache, 1, Ok(Some(2))).await, (Some(2), true));
    }

    #[tokio::test]
    async fn junk_never_pushes_out_an_entry() {
        let cache: Remembered<String, u32> = Remembered::new(10);
        ask(&cache, 0, Ok(Some(1))).await;
        for n in 0..30_000 {
            cache.get(format!("junk{n}").as_str(), 0, || 0, || async { Ok(None) }).await.unwrap();
        }
        cache.absent.run_pending_tasks();
        assert!(cache.absent.entry_count() <= ABSENT_MAX);
        assert_eq!(ask(&cache, 1, Ok(Some(2))).await, (Some(1), false));
    }
}
