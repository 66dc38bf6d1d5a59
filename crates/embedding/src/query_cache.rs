//! Vectors of queries asked before: pages, retries, and several agents with one task ask the same again.

use std::sync::Arc;

use moka::sync::Cache;

/// 8 MiB hold 1,300 vectors of 1,536 dimensions.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// BLAKE3 of a text: the cache keeps no texts.
type Fingerprint = [u8; 32];

/// A bounded memory from query to vector.
#[derive(Debug)]
pub(crate) struct QueryCache {
    vectors: Cache<Fingerprint, Arc<[f32]>>,
}

impl QueryCache {
    pub(crate) fn new() -> Self {
        let weigh =
            |_: &Fingerprint, vector: &Arc<[f32]>| u32::try_from(vector.len() * 4 + 64).unwrap_or(u32::MAX);
        Self { vectors: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build() }
    }

    /// The vector of `text` if it is remembered; a hit is counted.
    pub(crate) fn get(&self, text: &str) -> Option<Vec<f32>> {
        let known = self.vectors.get(&fingerprint(text))?;
        metrics::counter!("engram_embedding_cache_hits_total").increment(1);
        Some(known.to_vec())
    }

    pub(crate) fn remember(&self, text: &str, vector: &[f32]) {
        self.vectors.insert(fingerprint(text), Arc::from(vector));
    }
}

fn fingerprint(text: &str) -> Fingerprint {
    *blake3::hash(text.as_bytes()).as_bytes()
}
