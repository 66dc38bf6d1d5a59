//! Who is looked at closely: of the memories that share a word with the query and the nearest in meaning, those
//! with the best sums of what can be told without their sessions.

use super::best::Best;
use super::facts::Standing;
use super::meaning::{estimates, nearest, reached_by};
use super::plan::Plan;
use super::scratch::{Scratch, Words};
use super::weights::{Signals, Weights};
use crate::index::{Index, Slot};

/// Candidates by meaning alone, beside every memory that shares a word with the query.
const SEMANTIC_CANDIDATES_MIN: usize = 200;
/// A cosine below this says nothing.
pub(super) const COSINE_MIN: f32 = 0.1;
/// Up to this many vectors are compared exactly; more are estimated first, and the likeliest compared.
const COMPARED_EXACTLY_MAX: usize = 2_000;
/// Estimated candidates for each one kept: an estimated cosine is off by 0.1 either way.
const ESTIMATED_PER_KEPT: usize = 2;

/// What a search looks at.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) index: &'a Index,
    pub(super) plan: &'a Plan,
    /// Slots the filter allows, ascending; all when absent.
    pub(super) allowed: Option<&'a [Slot]>,
    pub(super) now_ms: i64,
}

/// The best `keep` slots, in no order, of which a page of `limit` is wanted.
pub(super) fn candidates(view: View<'_>, scratch: &mut Scratch, keep: usize, limit: usize) -> Vec<Slot> {
    let wanted = SEMANTIC_CANDIDATES_MIN.max(limit * 2);
    let slots = view.index.slots();
    let is_region = scratch.words.region().is_some();
    match view.allowed {
        None if view.plan.vector.is_none() => by_words(view, &scratch.words, keep),
        None if !is_region && slots <= COMPARED_EXACTLY_MAX => {
            compared(view, scratch, 0..slots as Slot, keep, wanted)
        }
        Some(few) if view.plan.vector.is_none() || is_compared(view, few, is_region) => {
            compared(view, scratch, few.iter().copied(), keep, wanted)
        }
        None | Some(_) => estimated(view, scratch, keep, wanted),
    }
}

/// Whether the vectors of all that the filter allows are compared.
fn is_compared(view: View<'_>, few: &[Slot], is_region: bool) -> bool {
    !is_region || (few.len() <= COMPARED_EXACTLY_MAX && view.index.keeps_codes())
}

/// Compares all vectors of `slots`.
fn compared(
    view: View<'_>,
    scratch: &mut Scratch,
    slots: impl Iterator<Item = Slot>,
    keep: usize,
    wanted: usize,
) -> Vec<Slot> {
    let Scratch { words, cosines, codes } = scratch;
    let (index, vector) = (view.index, view.plan.vector.as_ref());
    let live = slots.filter(|slot| view.index.is_live(*slot, view.now_ms));
    let cosine = |slot| (slot, cosines.of(slot, || codes.cosine(index, vector, slot)));
    let compared: Vec<(Slot, f32)> = live.map(cosine).collect();
    let threshold = reached_by(compared.iter().map(|(_, cosine)| *cosine), wanted).max(COSINE_MIN);
    let mut sums = Sums::new(view, words, keep);
    for (slot, cosine) in compared {
        if cosine >= threshold || words.is_touched(slot) {
            sums.add(slot, cosine);
        }
    }
    sums.best()
}

/// Estimates the vectors of all slots it looks at and compares those of the likeliest.
fn estimated(view: View<'_>, scratch: &mut Scratch, keep: usize, wanted: usize) -> Vec<Slot> {
    let (index, vector) = (view.index, view.plan.vector.as_ref());
    let Scratch { words, cosines, codes } = scratch;
    let dimensions = vector.map_or(0, |vector| vector.codes.len());
    let mut differing = std::mem::take(&mut cosines.differing);
    let some = differing_signs(view, words, &mut differing);
    let slots = (0..differing.len()).map(|at| some.as_ref().map_or(at as Slot, |some| some[at]));
    let looked_at = slots.zip(differing.iter().copied());
    let enough = nearest(&differing, dimensions, wanted * ESTIMATED_PER_KEPT);
    let estimates = estimates(dimensions);
    let is_likely = |(slot, differing): &(Slot, u16)| {
        (*differing <= enough || words.is_touched(*slot)) && index.is_live(*slot, view.now_ms)
    };
    let mut near = Vec::new();
    // Where comparing means reading, it is left to those who stay.
    let estimated_per_kept = if index.keeps_codes() { ESTIMATED_PER_KEPT } else { 1 };
    let mut likely = Sums::new(view, words, keep * estimated_per_kept);
    for (slot, differing) in looked_at.filter(is_likely) {
        if words.is_touched(slot) || !index.keeps_codes() {
            likely.add(slot, estimates[usize::from(differing)]);
        }
        if differing <= enough {
            near.push(slot);
        }
    }
    cosines.differing = differing;
    if !index.keeps_codes() {
        return likely.best();
    }
    let mut cosine = |slot| cosines.of(slot, || codes.cosine(index, vector, slot));
    let threshold = reached_by(near.iter().map(|slot| cosine(*slot)), wanted).max(COSINE_MIN);
    let mut sums = Sums::new(view, words, keep);
    for slot in likely.best() {
        sums.add(slot, cosine(slot));
    }
    for slot in near {
        let cosine = cosine(slot);
        if cosine >= threshold && !words.is_touched(slot) {
            sums.add(slot, cosine);
        }
    }
    sums.best()
}

/// In how many components the signs of the slots that are looked at differ from the query's: of all in a row, or of
/// those that are answered.
fn differing_signs(view: View<'_>, words: &Words, differing: &mut Vec<u16>) -> Option<Vec<Slot>> {
    let View { index, plan, allowed, .. } = view;
    let signs = plan.signs.as_ref()?;
    differing.clear();
    let Some(region) = words.region() else {
        differing.resize(index.slots(), 0);
        index.differing_signs(signs, 0, differing);
        return None;
    };
    let slots: Vec<Slot> = match allowed {
        Some(allowed) => allowed.iter().copied().filter(|slot| region.has(*slot)).collect(),
        None => region.slots.clone(),
    };
    differing.extend(slots.iter().map(|slot| index.differing_signs_of(signs, *slot)));
    Some(slots)
}

/// The best `keep` of those that share a word with a query that has no vector.
fn by_words(view: View<'_>, words: &Words, keep: usize) -> Vec<Slot> {
    let mut sums = Sums::new(view, words, keep);
    for slot in words.touched() {
        if view.index.is_live(*slot, view.now_ms) {
            sums.add(*slot, 0.0);
        }
    }
    sums.best()
}

/// The signals of a slot's words and meaning.
pub(super) fn words_and_meaning(view: View<'_>, words: &Words, slot: Slot, cosine: f32) -> Signals {
    let worth = words.worth(slot);
    let share = view.plan.lengths.share(view.index, slot);
    Signals {
        keywords: worth.keywords * share,
        related: worth.related,
        meaning: cosine,
        ..Signals::default()
    }
}

/// The best so far.
struct Sums<'a> {
    view: View<'a>,
    words: &'a Words,
    weights: &'a Weights,
    standing: Standing<'a>,
    /// The most that a word is worth by the length of the memory, and the most that facts add.
    share_most: f32,
    facts_most: f32,
    best: Best,
}

impl<'a> Sums<'a> {
    fn new(view: View<'a>, words: &'a Words, keep: usize) -> Self {
        let weights = &view.plan.weights;
        let standing = Standing::of(view.plan, view.index);
        Self {
            view,
            words,
            weights,
            share_most: view.plan.lengths.share_most(),
            facts_most: standing.most(weights),
            standing,
            best: Best::new(keep),
        }
    }

    #[inline]
    fn add(&mut self, slot: Slot, cosine: f32) {
        let (worth, weights) = (self.words.worth(slot), self.weights);
        let (keywords, beside) =
            (worth.keywords * weights.keywords, worth.related * weights.related + cosine * weights.meaning);
        // Most are out of reach by this alone, and their facts need not be fetched.
        if keywords * self.share_most + beside + self.facts_most >= self.best.floor() {
            self.add_with_facts(slot, keywords, beside);
        }
    }

    fn add_with_facts(&mut self, slot: Slot, keywords: f32, beside: f32) {
        let share = self.view.plan.lengths.share(self.view.index, slot);
        let facts = self.standing.sum(self.weights, slot);
        self.best.add(keywords * share + beside + facts, slot);
    }

    fn best(mut self) -> Vec<Slot> {
        self.best.take().into_iter().map(|(_, slot)| slot).collect()
    }
}
