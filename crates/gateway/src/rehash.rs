//! Brings keys to the newest pepper as they are used, so that an old one can be retired.

use std::collections::HashMap;

use control::StoredApiKey;
use parking_lot::Mutex;

use crate::Gateway;

/// Keys that wait to be rehashed; more come again with their next use.
const WAITING_MAX: usize = 1_000;

/// Keys that were proven with an old pepper, by id, with their new hash.
#[derive(Debug, Default)]
pub(crate) struct Rehashes {
    waiting: Mutex<HashMap<String, Rehash>>,
}

#[derive(Debug)]
struct Rehash {
    prefix: String,
    old_version: u32,
    hash: [u8; 32],
    version: u32,
}

impl Gateway {
    /// Notes a key whose pepper is not the newest. Only here the whole key is at hand.
    pub(crate) fn rehash_if_old(&self, stored: &StoredApiKey, whole: &str) {
        let version = self.peppers.newest();
        if stored.pepper_version == version {
            return;
        }
        let mut waiting = self.rehashes.waiting.lock();
        if waiting.len() >= WAITING_MAX || waiting.contains_key(&stored.key.id) {
            return;
        }
        if let Some(hash) = self.peppers.hash(version, whole) {
            let (prefix, old_version) = (stored.key.prefix.clone(), stored.pepper_version);
            waiting.insert(stored.key.id.clone(), Rehash { prefix, old_version, hash, version });
        }
    }

    /// Stores the new hashes; those that cannot be stored now come again with their key's next use.
    pub async fn write_rehashes(&self) {
        let waiting = std::mem::take(&mut *self.rehashes.waiting.lock());
        for (id, Rehash { prefix, old_version, hash, version }) in waiting {
            match self.control.rehash_api_key(&id, old_version, hash, version).await {
                // Read anew by its next use; what is remembered has the old hash, and would be noted again.
                Ok(_) => self.keys.forget(prefix.as_str()),
                Err(error) => {
                    tracing::debug!(%error, key_id = id, "a key stays with its old pepper for now");
                }
            }
        }
    }
}
