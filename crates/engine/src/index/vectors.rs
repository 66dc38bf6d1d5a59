//! Vectors by slot, as they are scanned: int8 codes with a scale each, and one bit a component beside them.

use super::Slot;
use crate::vector::{Quantized, differing_signs, dot, sign_words, signs};

/// Slots of one block; blocks never move, so growing copies nothing, and a small store takes little.
const SLOTS_PER_BLOCK: usize = 256;

/// The vectors. A slot without one has scale 0 and cosine 0 with everything.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    dimensions: usize,
    scales: Vec<f32>,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    codes: Box<[i8]>,
    signs: Box<[u64]>,
}

impl Vectors {
    pub(super) fn new(dimensions: usize) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// Makes room for one slot more.
    pub(super) fn push(&mut self) {
        self.scales.push(0.0);
        if self.dimensions > 0 && self.scales.len() > self.blocks.len() * SLOTS_PER_BLOCK {
            self.blocks.push(Block {
                codes: vec![0; SLOTS_PER_BLOCK * self.dimensions].into_boxed_slice(),
                signs: vec![0; SLOTS_PER_BLOCK * sign_words(self.dimensions)].into_boxed_slice(),
            });
        }
    }

    pub(super) fn set(&mut self, slot: Slot, scale: f32, codes: impl ExactSizeIterator<Item = i8>) {
        if codes.len() != self.dimensions {
            return self.clear(slot);
        }
        let (block, row) = place(slot);
        let words = sign_words(self.dimensions);
        let Block { codes: room, signs: bits } = &mut self.blocks[block];
        let room = &mut room[row * self.dimensions..(row + 1) * self.dimensions];
        for (to, from) in room.iter_mut().zip(codes) {
            *to = from;
        }
        for (to, from) in bits[row * words..(row + 1) * words].iter_mut().zip(signs(room)) {
            *to = from;
        }
        self.scales[slot as usize] = scale;
    }

    pub(super) fn clear(&mut self, slot: Slot) {
        let (block, row) = place(slot);
        let words = sign_words(self.dimensions);
        if let Some(block) = self.blocks.get_mut(block) {
            block.signs[row * words..(row + 1) * words].fill(0);
        }
        self.scales[slot as usize] = 0.0;
    }

    /// The slot's vector: its scale and its codes; `None` where there is none.
    pub(super) fn get(&self, slot: Slot) -> Option<(f32, &[i8])> {
        let scale = self.scales[slot as usize];
        let (block, row) = place(slot);
        (scale > 0.0)
            .then(|| (scale, &self.blocks[block].codes[row * self.dimensions..(row + 1) * self.dimensions]))
    }

    /// Cosine of `query` with the slot's vector; 0 where there is none.
    pub(super) fn cosine(&self, query: &Quantized, slot: Slot) -> f32 {
        if query.codes.len() != self.dimensions {
            return 0.0;
        }
        self.get(slot).map_or(0.0, |(scale, codes)| dot(&query.codes, codes) as f32 * scale * query.scale)
    }

    /// In how many components each slot's sign differs from the query's: the angle between the two, roughly.
    /// Half of them where there is no vector, more or less.
    pub(super) fn differing_signs(&self, query: &Quantized, out: &mut Vec<u16>) {
        out.clear();
        out.resize(self.scales.len(), (self.dimensions / 2) as u16);
        if query.codes.len() != self.dimensions || self.dimensions == 0 {
            return;
        }
        let query: Vec<u64> = signs(&query.codes).collect();
        for (block, out) in self.blocks.iter().zip(out.chunks_mut(SLOTS_PER_BLOCK)) {
            differing_signs(&query, &block.signs, out);
        }
    }
}

fn place(slot: Slot) -> (usize, usize) {
    (slot as usize / SLOTS_PER_BLOCK, slot as usize % SLOTS_PER_BLOCK)
}
