//! The vectors that a search compares: those in the index, or, of a huge store whose index keeps none, the few that are
//! read from the file.

use std::collections::HashMap;

use rusqlite::Connection;

use super::neighbours::beside;
use crate::error::EngineError;
use crate::index::{Index, Slot};
use crate::vector::{Quantized, dot, split_bytes};

/// Ids that may lie between two wanted ones for them to be read in one go.
const GAP_MAX: i64 = 4;

/// Room that is kept for the next search; a larger one is given back.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Vectors read from the file by one search.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// Scale, and where the codes begin.
    by_slot: HashMap<Slot, (f32, usize)>,
    codes: Vec<i8>,
    dimensions: usize,
}

impl Codes {
    pub(super) fn clear(&mut self) {
        if self.codes.capacity() > KEPT_BYTES_MAX {
            *self = Self::default();
        }
        self.by_slot.clear();
        self.codes.clear();
    }

    /// Reads the vectors of these slots and of the neighbours they share meaning with, unless the index has them.
    pub(super) fn read(
        &mut self,
        connection: &Connection,
        index: &Index,
        slots: &[Slot],
    ) -> Result<(), EngineError> {
        let (Some(model_id), false) = (index.model_id(), index.keeps_codes()) else { return Ok(()) };
        self.dimensions = index.dimensions();
        let mut wanted: Vec<Slot> = slots.to_vec();
        for slot in slots {
            beside(index, *slot, |neighbour| wanted.push(neighbour));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut statement = connection.prepare_cached(
            "SELECT memory_id, code FROM vector WHERE memory_id BETWEEN ? AND ? AND model_id = ?",
        )?;
        let is_one_run = |a: &Slot, b: &Slot| index.id(*b) - index.id(*a) <= GAP_MAX;
        for run in wanted.chunk_by(is_one_run) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let mut rows = statement.query((index.id(*first), index.id(*last), model_id))?;
            while let Some(row) = rows.next()? {
                let code = row.get_ref(1)?.as_blob().unwrap_or_default();
                if let (Some(slot), Some((scale, codes))) = (index.slot(row.get(0)?), split_bytes(code))
                    && codes.len() == self.dimensions
                {
                    self.by_slot.insert(slot, (scale, self.codes.len()));
                    self.codes.extend(codes.iter().map(|code| code.cast_signed()));
                }
            }
        }
        Ok(())
    }

    /// The slot's vector: its scale and its codes; `None` where there is none or it was not read.
    pub(super) fn get<'a>(&'a self, index: &'a Index, slot: Slot) -> Option<(f32, &'a [i8])> {
        if index.keeps_codes() {
            return index.vector(slot);
        }
        let (scale, start) = self.by_slot.get(&slot)?;
        Some((*scale, &self.codes[*start..*start + self.dimensions]))
    }

    /// Cosine of `query` with the slot's vector, never negative; 0 where there is none.
    pub(super) fn cosine(&self, index: &Index, query: Option<&Quantized>, slot: Slot) -> f32 {
        let (Some(query), Some((scale, codes))) = (query, self.get(index, slot)) else { return 0.0 };
        if codes.len() != query.codes.len() {
            return 0.0;
        }
        (dot(&query.codes, codes) as f32 * scale * query.scale).max(0.0)
    }
}
