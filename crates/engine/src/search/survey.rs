//! First-stage retrieval in a large store: where it is worth looking closely. Every memory's own words and estimated meaning are added up,
//! block by block so that the sums stay in the processor's caches, and the best memories and their neighbours are the
//! region that the rest of the search looks at.

use std::time::Instant;

use super::best::Best;
use super::candidates::{COSINE_MIN, View};
use super::completeness;
use super::facts::Standing;
use super::lend::within_reach;
use super::look_up::{Word, worth_near};
use super::meaning::estimates;
use super::rank::candidates_kept;
use super::reach::{Parts, add_up, reaches};
use super::weights::Weights;
use crate::index::{Bits, Slot, Slots};
use crate::query::{Completeness, Ranking};
use crate::vector::Signs;

/// Up to this many slots that a filter allows are all in the region.
const FEW_MAX: usize = 20_000;
/// Slots of one block: its sums take 64 KiB. A multiple of what the vectors are kept in.
const BLOCK: usize = 8_192;
/// Slots that are passed over together when none of them is within reach.
const CHUNK: usize = 32;
/// Memories whose sums make the region, beyond those that are kept at last.
const ANCHORS_BEYOND_KEPT: usize = 100;
/// Memories that are in the region for their words alone: they lend to those beside them.
const LENDERS: usize = 200;

/// Where a search looks: slots to choose from, and those that may lend to them.
#[derive(Debug, Default)]
pub(super) struct Region {
    within: Bits,
    ranks: Vec<u32>,
    /// Ascending.
    pub(super) slots: Vec<Slot>,
}

impl Region {
    /// These slots and their neighbours.
    fn around(view: View<'_>, slots: impl Iterator<Item = Slot>) -> Self {
        let mut region = Self::default();
        for slot in slots {
            region.add(slot);
            within_reach(view.index, slot, |neighbour| region.add(neighbour));
        }
        region.slots.sort_unstable();
        region.ranks = region.within.ranks();
        region
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.within.has(slot)
    }

    /// Where in `slots` it is.
    #[inline]
    pub(super) fn place(&self, slot: Slot) -> Option<usize> {
        self.within.place(&self.ranks, slot)
    }

    fn add(&mut self, slot: Slot) {
        if self.within.insert(slot) {
            self.slots.push(slot);
        }
    }
}

/// Where it is worth looking for the best `limit`; `None` where everything is looked at: in a store that is not large, and
/// by the baseline.
///
/// Past its deadline it ends with what it has seen.
pub(super) fn region(view: View<'_>, words: &[Word], limit: usize, until: Option<Instant>) -> Option<Region> {
    let is_surveyed = view.index.is_large() && view.plan.ranking == Ranking::Hybrid;
    is_surveyed.then(|| match view.allowed {
        Some(few) if few.len() <= FEW_MAX => Region::around(view, few.iter().copied()),
        Some(_) | None => survey(view, words, candidates_kept(limit), until),
    })
}

/// The region of the best `keep` memories.
fn survey(view: View<'_>, words: &[Word], keep: usize, until: Option<Instant>) -> Region {
    let mut survey = Survey::new(view, words, keep);
    for start in (0..view.index.slots()).step_by(BLOCK) {
        if completeness(until) == Completeness::DeadlineReached {
            break;
        }
        survey.look_at(start as Slot);
    }
    let anchors = survey.anchors.take().into_iter().chain(survey.lenders.take());
    Region::around(view, anchors.map(|(_, slot)| slot))
}

/// The way through the store.
struct Survey<'a> {
    view: View<'a>,
    words: Vec<Ahead<'a>>,
    vector: Option<&'a Signs>,
    /// Vectors of which fewer signs differ say something.
    differing_max: u16,
    weights: &'a Weights,
    standing: Standing<'a>,
    /// Slots the filter allows; all when absent.
    allowed: Option<Bits>,
    anchors: Best,
    lenders: Best,
    block: Block,
}

/// Sums and hits of one block.
#[derive(Default)]
struct Block {
    sums: Vec<f32>,
    hits: Vec<f32>,
    hit: Vec<usize>,
    differing: Vec<u16>,
    /// What each slot has, roughly.
    totals: Vec<f32>,
}

/// What is left of the lists of one word.
struct Ahead<'a> {
    own: Option<Cursor<'a>>,
    worth: f32,
    near: Vec<(Cursor<'a>, f32)>,
    worth_near: f32,
}

/// A place in a list.
struct Cursor<'a> {
    next: Option<Slot>,
    rest: Slots<'a>,
}

impl<'a> Cursor<'a> {
    fn new(mut rest: Slots<'a>) -> Self {
        Self { next: rest.next(), rest }
    }

    /// Visits the slots from `start` to before `end`, as distances from `start`; skips those before.
    fn visit(&mut self, start: Slot, end: Slot, mut visit: impl FnMut(usize)) {
        while let Some(slot) = self.next.filter(|slot| *slot < end) {
            if slot >= start {
                visit((slot - start) as usize);
            }
            self.next = self.rest.next();
        }
    }
}

impl<'a> Survey<'a> {
    fn new(view: View<'a>, words: &'a [Word], keep: usize) -> Self {
        let weights = &view.plan.weights;
        let standing = Standing::of(view.plan, view.index);
        let ahead = |word: &'a Word| Ahead {
            own: word.own.as_ref().map(|list| Cursor::new(list.slots())),
            worth: word.worth * weights.keywords,
            near: word.near.iter().map(|(list, cosine)| (Cursor::new(list.slots()), *cosine)).collect(),
            worth_near: worth_near(view.index, word.near_count()) * weights.related,
        };
        let vector = view.plan.signs.as_ref();
        let meanings = estimates(vector.map_or(0, Signs::dimensions));
        Self {
            view,
            words: words.iter().map(ahead).collect(),
            vector,
            differing_max: meanings.iter().take_while(|cosine| **cosine > COSINE_MIN).count() as u16,
            weights,
            standing,
            allowed: view.allowed.map(|slots| slots.iter().copied().collect()),
            anchors: Best::new(keep + ANCHORS_BEYOND_KEPT),
            lenders: Best::new(LENDERS),
            block: Block { sums: vec![0.0; BLOCK], hits: vec![0.0; BLOCK], ..Block::default() },
        }
    }

    /// Looks at all slots of the block that begins at `start`.
    fn look_at(&mut self, start: Slot) {
        let end = (start as usize + BLOCK).min(self.view.index.slots());
        self.add_words(start, end as Slot);
        let mut block = std::mem::take(&mut self.block);
        let (sums, differing) = (&block.sums[..end - start as usize], &mut block.differing);
        differing.clear();
        differing.resize(sums.len(), 0);
        if let Some(vector) = self.vector {
            self.view.index.differing_signs(vector, start, differing);
        }
        let (glances, actors) = self.view.index.glances_from(start);
        let (dimensions, asked) = (self.vector.map_or(0, Signs::dimensions), self.standing.actors());
        let parts = Parts { words: sums, differing, dimensions, glances, actors, asked };
        add_up(&parts, self.weights, &mut block.totals);
        self.standing.add_days(self.weights, start, &mut block.totals);
        for (first, totals) in (0..).step_by(CHUNK).zip(block.totals.chunks(CHUNK)) {
            if reaches(totals, self.anchors.floor()) {
                for (at, total) in (first..).zip(totals) {
                    if *total >= self.anchors.floor()
                        && (sums[at] > 0.0 || differing[at] < self.differing_max)
                    {
                        // A long memory holds any word more easily.
                        let slot = start + at as Slot;
                        let share = self.view.plan.lengths.share(self.view.index, slot);
                        self.consider(slot, total - sums[at] * (1.0 - share));
                    }
                }
            }
        }
        for (first, sums) in (start..).step_by(CHUNK).zip(sums.chunks(CHUNK)) {
            // Which of equals lends matters less than how many are looked at.
            if reaches(sums, self.lenders.floor().max(0.0).next_up()) {
                let View { index, now_ms, .. } = self.view;
                for (slot, words) in (first..).zip(sums) {
                    if *words > self.lenders.floor().max(0.0) && index.is_live(slot, now_ms) {
                        self.lenders.add(*words, slot);
                    }
                }
            }
        }
        self.block = block;
    }

    /// Adds up what the words are worth in the slots from `start` to before `end`.
    fn add_words(&mut self, start: Slot, end: Slot) {
        let Block { sums, hits, hit, .. } = &mut self.block;
        sums.fill(0.0);
        for word in &mut self.words {
            for (cursor, cosine) in &mut word.near {
                cursor.visit(start, end, |at| {
                    if hits[at] == 0.0 {
                        hit.push(at);
                    }
                    hits[at] = hits[at].max(*cosine);
                });
            }
            if let Some(cursor) = &mut word.own {
                cursor.visit(start, end, |at| {
                    sums[at] += word.worth;
                    hits[at] = 0.0;
                });
            }
            for at in hit.drain(..) {
                sums[at] += word.worth_near * std::mem::take(&mut hits[at]);
            }
        }
    }

    fn consider(&mut self, slot: Slot, sum: f32) {
        let is_allowed = self.allowed.as_ref().is_none_or(|allowed| allowed.has(slot));
        if is_allowed && sum >= self.anchors.floor() && self.view.index.is_live(slot, self.view.now_ms) {
            self.anchors.add(sum, slot);
        }
    }
}

#[cfg(test)]
mod tests;
