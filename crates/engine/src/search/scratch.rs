//! Arrays by slot, or by place in a region, that one search fills and the next one uses again; what was touched is
//! listed, so that a small answer in a large store is not paid for by clearing everything.

use super::codes::Codes;
use super::meaning::Cosines;
use super::survey::Region;
use crate::index::Slot;

/// Everything a search writes on.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(super) words: Words,
    pub(super) cosines: Cosines,
    pub(super) codes: Codes,
}

/// What the words of the query are worth in each memory.
#[derive(Default)]
pub(super) struct Words {
    /// Where the search looks; everywhere when absent.
    region: Option<Region>,
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
    /// Ready for a search of an index with this many slots, in a region of it or everywhere.
    pub(super) fn fit(&mut self, slots: usize, region: Option<Region>) {
        self.clear();
        let slots = region.as_ref().map_or(slots, |region| region.slots.len());
        self.cosines.fit(if region.is_some() { 0 } else { slots });
        self.words.region = region;
        self.words.worth.resize(slots, Worth::default());
        self.words.hits.resize(slots, 0.0);
    }

    /// Ready for the next search.
    pub(super) fn clear(&mut self) {
        let Words { region, worth, touched, hits, hit_slots, .. } = &mut self.words;
        for place in touched.drain(..).filter_map(|slot| place(region.as_ref(), slot)) {
            worth[place] = Worth::default();
        }
        for place in hit_slots.drain(..).filter_map(|slot| place(region.as_ref(), slot)) {
            hits[place] = 0.0;
        }
        *region = None;
        self.cosines.clear();
        self.codes.clear();
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

    pub(super) fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    #[inline]
    pub(super) fn worth(&self, slot: Slot) -> Worth {
        place(self.region.as_ref(), slot).map_or_else(Worth::default, |place| self.worth[place])
    }

    /// The hit of the term at hand in this memory, 0 for none.
    pub(super) fn hit(&self, slot: Slot) -> f32 {
        place(self.region.as_ref(), slot).map_or(0.0, |place| self.hits[place])
    }

    /// Memories with a hit of the term at hand.
    pub(super) fn hit_count(&self) -> usize {
        self.hit_slots.len()
    }

    /// The term at hand hits this memory, at least so well.
    pub(super) fn raise(&mut self, slot: Slot, hit: f32) {
        let Some(place) = place(self.region.as_ref(), slot) else { return };
        let best = &mut self.hits[place];
        if *best == 0.0 {
            self.hit_slots.push(slot);
        }
        if hit > *best {
            *best = hit;
        }
    }

    /// The hits in these memories do not count.
    pub(super) fn unhit(&mut self, slots: &[Slot]) {
        for place in slots.iter().filter_map(|slot| place(self.region.as_ref(), *slot)) {
            self.hits[place] = 0.0;
        }
    }

    /// Adds what the term at hand is worth in all memories that it hits, and is done with it.
    pub(super) fn add_hits(&mut self, worth_of: impl Fn(f32) -> Worth) {
        for slot in self.hit_slots.drain(..) {
            let Some(place) = place(self.region.as_ref(), slot) else { continue };
            let hit = std::mem::take(&mut self.hits[place]);
            if hit > 0.0 {
                add(&mut self.worth[place], &mut self.touched, slot, worth_of(hit));
            }
        }
    }

    /// Adds what a term is worth in the memories that hold it, which is the same in all.
    pub(super) fn add_postings(&mut self, worth: Worth) {
        for slot in &self.postings {
            if let Some(place) = place(self.region.as_ref(), *slot) {
                add(&mut self.worth[place], &mut self.touched, *slot, worth);
            }
        }
    }
}

/// Where the slot's numbers are; nowhere for one outside the region.
#[inline]
fn place(region: Option<&Region>, slot: Slot) -> Option<usize> {
    region.map_or(Some(slot as usize), |region| region.place(slot))
}

fn add(sum: &mut Worth, touched: &mut Vec<Slot>, slot: Slot, worth: Worth) {
    if *sum == Worth::default() {
        touched.push(slot);
    }
    sum.keywords += worth.keywords;
    sum.related += worth.related;
}
