//! Vectors by slot, as they are scanned: one bit a component, and, of stores that are not huge, int8 codes with a scale each.

use super::Slot;
use crate::vector::{Signs, fetch_ahead, sign_words, signs};

/// Slots of one block; blocks never move, so growing copies nothing, and a small store takes little.
const SLOTS_PER_BLOCK: usize = 256;

/// The vectors. A slot without one has scale 0 and cosine 0 with everything.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    dimensions: usize,
    keeps_codes: bool,
    slots: usize,
    /// Of the codes.
    scales: Vec<f32>,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    codes: Box<[i8]>,
    signs: Box<[u64]>,
}

impl Vectors {
    pub(super) fn new(dimensions: usize, keeps_codes: bool) -> Self {
        Self { dimensions, keeps_codes, ..Self::default() }
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub(super) fn keeps_codes(&self) -> bool {
        self.keeps_codes
    }

    /// Makes room for one slot more.
    pub(super) fn push(&mut self) {
        self.slots += 1;
        if self.keeps_codes {
            self.scales.push(0.0);
        }
        if self.dimensions > 0 && self.slots > self.blocks.len() * SLOTS_PER_BLOCK {
            let codes = if self.keeps_codes { SLOTS_PER_BLOCK * self.dimensions } else { 0 };
            self.blocks.push(Block {
                codes: vec![0; codes].into_boxed_slice(),
                signs: vec![0; SLOTS_PER_BLOCK * sign_words(self.dimensions)].into_boxed_slice(),
            });
        }
    }

    pub(super) fn set(&mut self, slot: Slot, scale: f32, codes: &[i8]) {
        if codes.len() != self.dimensions {
            return self.clear(slot);
        }
        let (block, row) = place(slot);
        let words = sign_words(self.dimensions);
        let block = &mut self.blocks[block];
        for (to, from) in block.signs[row * words..(row + 1) * words].iter_mut().zip(signs(codes)) {
            *to = from;
        }
        if self.keeps_codes {
            block.codes[row * self.dimensions..(row + 1) * self.dimensions].copy_from_slice(codes);
            self.scales[slot as usize] = scale;
        }
    }

    pub(super) fn clear(&mut self, slot: Slot) {
        let (block, row) = place(slot);
        let words = sign_words(self.dimensions);
        if let Some(block) = self.blocks.get_mut(block) {
            block.signs[row * words..(row + 1) * words].fill(0);
        }
        if self.keeps_codes {
            self.scales[slot as usize] = 0.0;
        }
    }

    /// The slot's vector: its scale and its codes; `None` where there is none, or codes are not kept.
    pub(super) fn get(&self, slot: Slot) -> Option<(f32, &[i8])> {
        let scale = self.scales.get(slot as usize).copied().filter(|scale| *scale > 0.0)?;
        let (block, row) = place(slot);
        Some((scale, &self.blocks[block].codes[row * self.dimensions..(row + 1) * self.dimensions]))
    }

    /// In how many components the signs of the slots from `start` on differ from the query's: the angle between the
    /// two, roughly. Half of them where there is no vector, more or less. `start` is the first slot of a block.
    pub(super) fn differing_signs(&self, query: &Signs, start: Slot, out: &mut [u16]) {
        out.fill((self.dimensions / 2) as u16);
        if query.dimensions() != self.dimensions || self.dimensions == 0 {
            return;
        }
        let blocks = &self.blocks[place(start).0..];
        for ((at, block), out) in blocks.iter().enumerate().zip(out.chunks_mut(SLOTS_PER_BLOCK)) {
            // Blocks lie apart, and the processor does not know which one is next.
            if let Some(next) = blocks.get(at + 1) {
                fetch_ahead(&next.signs);
            }
            query.differing(&block.signs, out);
        }
    }

    /// The same for one slot.
    pub(super) fn differing_signs_of(&self, query: &Signs, slot: Slot) -> u16 {
        if query.dimensions() != self.dimensions || self.dimensions == 0 {
            return (self.dimensions / 2) as u16;
        }
        let (block, row) = place(slot);
        let words = sign_words(self.dimensions);
        query.differing_of(&self.blocks[block].signs[row * words..(row + 1) * words])
    }
}

fn place(slot: Slot) -> (usize, usize) {
    (slot as usize / SLOTS_PER_BLOCK, slot as usize % SLOTS_PER_BLOCK)
}
