//! What writes are asked with, and what they say they did.

use crate::memory::{Memory, MemoryId};

/// Asks that a create happens once, however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key, remembered for 24 hours.
    pub key: String,
    /// Digest of the request; the same key with another one is refused.
    pub fingerprint: [u8; 32],
}

/// Whether a create made a memory or updated the one with its `custom_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The memory is new.
    Created,
    /// The memory with this `custom_id` was there and now says this.
    Updated,
}

/// What a create stored, in the order asked.
#[derive(Debug, Clone)]
pub struct Stored {
    /// One for each draft.
    pub items: Vec<StoredMemory>,
    /// Memories this call made; 0 when it repeats an earlier one with the same idempotency key.
    pub created: u64,
    /// Bytes of content and metadata added.
    pub storage_bytes_delta: i64,
}

/// One memory of a create.
#[derive(Debug, Clone)]
pub struct StoredMemory {
    /// The memory.
    pub memory: Memory,
    /// Whether it is new.
    pub outcome: Outcome,
}

/// What an update made.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The memory as it is now.
    pub memory: Memory,
    /// Bytes of content and metadata added (or, negative, given back).
    pub storage_bytes_delta: i64,
}

/// Whether a deletion deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteMode {
    /// Only says what would go.
    DryRun,
    /// Deletes.
    Delete,
}

/// What a deletion removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The first 1,000 ids.
    pub ids: Vec<MemoryId>,
    /// How many in all.
    pub count: u64,
    /// Bytes of content and metadata given back (negative).
    pub storage_bytes_delta: i64,
}

/// A memory that waits for its vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEmbedding {
    /// The memory.
    pub id: MemoryId,
    /// The version whose content this is.
    pub version: i64,
    /// What to embed.
    pub content: String,
}
