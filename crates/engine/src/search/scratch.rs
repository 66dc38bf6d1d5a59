//! Arrays by slot that one search fills and the next one uses again; what was touched is listed, so that a small
//! answer in a large store is not paid for by clearing everything.

use super::meaning::Cosines;
use crate::index::Slot;

/// Everything a search writes on.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(super) words: Words,
    pub(super) cosines: Cosines,
}

/// What the words of the query are worth in each memory.
#[derive(Default)]
pub(super) struct Words {
    worth: Vec<Worth>,
    touched: Vec<Slot>,
    /// Best hit of the term at hand, 0 to 1.
    hits: Vec<f32>,
    hit_slots: Vec<Slot>,
    /// Memories that hold the term at hand, and those that hold a near one.
    pub(super) postings: Vec<Slot>,
    pub(super) near_postings: Vec<Slot>,
}

/// Sums over the terms, before the memory's length is considered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Worth {
    /// Of the query's own words.
    pub(super) keywords: f32,
    /// Of words near to them.
    pub(super) related: f32,
}

impl Scratch {
    /// Ready for a search of an index with this many slots.
    pub(super) fn fit(&mut self, slots: usize) {
        self.clear();
        self.words.worth.resize(slots, Worth::default());
        self.words.hits.resize(slots, 0.0);
        self.cosines.fit(slots);
    }

    /// Ready for the next search.
    pub(super) fn clear(&mut self) {
        let Words { worth, touched, hits, hit_slots, .. } = &mut self.words;
        for slot in touched.drain(..) {
            worth[slot as usize] = Worth::default();
        }
        for slot in hit_slots.drain(..) {
            hits[slot as usize] = 0.0;
        }
        self.cosines.clear();
    }
}

impl Words {
    /// Memories that share a word with the query, or have a neighbour that does; in no order.
    pub(super) fn touched(&self) -> &[Slot] {
        &self.touched
    }

    pub(super) fn is_touched(&self, slot: Slot) -> bool {
        self.worth(slot) != Worth::default()
    }

    pub(super) fn worth(&self, slot: Slot) -> Worth {
        self.worth[slot as usize]
    }

    /// The hit of the term at hand in this memory, 0 for none.
    pub(super) fn hit(&self, slot: Slot) -> f32 {
        self.hits[slot as usize]
    }

    /// Memories with a hit of the term at hand.
    pub(super) fn hit_count(&self) -> usize {
        self.hit_slots.len()
    }

    /// The term at hand hits this memory, at least so well.
    pub(super) fn raise(&mut self, slot: Slot, hit: f32) {
        let best = &mut self.hits[slot as usize];
        if *best == 0.0 {
            self.hit_slots.push(slot);
        }
        if hit > *best {
            *best = hit;
        }
    }

    /// The hits in these memories do not count.
    pub(super) fn unhit(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.hits[*slot as usize] = 0.0;
        }
    }

    /// Adds what the term at hand is worth in all memories that it hits, and is done with it.
    pub(super) fn add_hits(&mut self, worth_of: impl Fn(f32) -> Worth) {
        for slot in self.hit_slots.drain(..) {
            let hit = std::mem::take(&mut self.hits[slot as usize]);
            if hit > 0.0 {
                add(&mut self.worth[slot as usize], &mut self.touched, slot, worth_of(hit));
            }
        }
    }

    /// Adds what a term is worth in the memories that hold it, which is the same in all.
    pub(super) fn add_postings(&mut self, worth: Worth) {
        for slot in &self.postings {
            add(&mut self.worth[*slot as usize], &mut self.touched, *slot, worth);
        }
    }
}

fn add(sum: &mut Worth, touched: &mut Vec<Slot>, slot: Slot, worth: Worth) {
    if *sum == Worth::default() {
        touched.push(slot);
    }
    sum.keywords += worth.keywords;
    sum.related += worth.related;
}
