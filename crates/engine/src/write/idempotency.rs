//! Creates that happen once, however often they are sent.

use rusqlite::OptionalExtension;

use super::{Session, to_json};
use crate::error::EngineError;
use crate::memory::MemoryId;
use crate::read;
use crate::store::{Idempotency, Outcome, Stored, StoredMemory};

/// How long an idempotency key is remembered, in milliseconds.
pub(super) const LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

impl Session<'_> {
    pub(super) fn replay(
        &self,
        asked: &Idempotency,
        model: Option<i64>,
    ) -> Result<Option<Stored>, EngineError> {
        let known: Option<(Vec<u8>, String)> = self
            .connection
            .prepare_cached("SELECT fingerprint, outcome FROM idempotency WHERE key = ? AND created_at >= ?")?
            .query_row((&asked.key, self.now_ms - LIFETIME_MS), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((fingerprint, outcome)) = known else { return Ok(None) };
        if fingerprint != asked.fingerprint {
            return Err(EngineError::IdempotencyKeyReused);
        }
        let outcome: Vec<(MemoryId, bool)> = serde_json::from_str(&outcome)
            .map_err(|error| EngineError::Internal(format!("stored JSON: {error}")))?;
        let items = outcome
            .into_iter()
            .map(|(id, created)| {
                let memory = read::get(self.connection, id, model, self.now_ms)?;
                Ok(StoredMemory {
                    memory,
                    outcome: if created { Outcome::Created } else { Outcome::Updated },
                })
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(Some(Stored { items, created: 0, storage_bytes_delta: 0 }))
    }

    pub(super) fn remember(&self, asked: &Idempotency, stored: &Stored) -> Result<(), EngineError> {
        let outcome: Vec<(MemoryId, bool)> =
            stored.items.iter().map(|item| (item.memory.id, item.outcome == Outcome::Created)).collect();
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO idempotency (key, fingerprint, outcome, created_at) VALUES (?, ?, ?, ?)")?
            .execute((&asked.key, asked.fingerprint.as_slice(), to_json(&outcome)?, self.now_ms))?;
        Ok(())
    }
}
