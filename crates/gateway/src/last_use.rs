//! When keys were last used: noted in memory at most once a minute and key, written in batches in the background.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::Gateway;

/// Precision of `last_used_at`.
const NOTED_EVERY_MS: i64 = 60_000;
/// Uses that wait to be written while the control plane is away; what does not fit is noted a minute later.
const WAITING_MAX: usize = 100_000;

/// When a remembered key was last noted.
#[derive(Debug)]
pub(crate) struct LastUse {
    noted_at_ms: AtomicI64,
}

/// Uses that are to be written.
#[derive(Debug, Default)]
pub(crate) struct LastUses {
    waiting: Mutex<HashMap<String, Timestamp>>,
}

impl From<Option<Timestamp>> for LastUse {
    fn from(stored: Option<Timestamp>) -> Self {
        Self { noted_at_ms: AtomicI64::new(stored.map_or(i64::MIN, Timestamp::as_millisecond)) }
    }
}

impl LastUses {
    pub(crate) fn note(&self, last_use: &LastUse, key_id: &str, now: Timestamp) {
        let now_ms = now.as_millisecond();
        if now_ms.saturating_sub(last_use.noted_at_ms.load(Ordering::Relaxed)) < NOTED_EVERY_MS {
            return;
        }
        last_use.noted_at_ms.store(now_ms, Ordering::Relaxed);
        self.put(key_id.to_owned(), now);
    }

    fn put(&self, key_id: String, at: Timestamp) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < WAITING_MAX {
            waiting.entry(key_id).and_modify(|noted| *noted = at.max(*noted)).or_insert(at);
        }
    }
}

impl Gateway {
    /// Writes down which keys were used since the last time. The background does it every 10 s; call it at the end.
    pub async fn write_last_uses(&self) {
        let uses: Vec<(String, Timestamp)> = self.last_uses.waiting.lock().drain().collect();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.control.touch_api_keys(uses.clone()).await {
            tracing::warn!(%error, keys = uses.len(), "the last use of keys could not be written; trying later");
            for (key_id, at) in uses {
                self.last_uses.put(key_id, at);
            }
        }
    }
}
