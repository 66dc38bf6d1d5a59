//! Who is looked at closely: of the memories that share a word with the query and the nearest in meaning, those
//! with the best sums of what can be told without their sessions.

use super::facts::Standing;
use super::length::{BREADTH_SHARE_MAX, breadth_share};
use super::meaning::{estimates, nearest, reached_by};
use super::plan::Plan;
use super::scratch::{Scratch, Words};
use super::weights::{Signals, Weights};
use crate::index::{Index, Slot};

/// Candidates by meaning alone, beside every memory that shares a word with the query.
const SEMANTIC_CANDIDATES_MIN: usize = 200;
/// A cosine below this says nothing.
const COSINE_MIN: f32 = 0.1;
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
    match view.allowed {
        Some(slots) => compared(view, scratch, slots.iter().copied(), keep, wanted),
        None if view.plan.vector.is_none() => by_words(view, &scratch.words, |_| 0.0, keep),
        None if view.index.slots() <= COMPARED_EXACTLY_MAX => {
            compared(view, scratch, 0..view.index.slots() as Slot, keep, wanted)
        }
        None => estimated(view, scratch, keep, wanted),
    }
}

/// Compares all vectors of `slots`.
fn compared(
    view: View<'_>,
    scratch: &mut Scratch,
    slots: impl Iterator<Item = Slot>,
    keep: usize,
    wanted: usize,
) -> Vec<Slot> {
    let Scratch { words, cosines } = scratch;
    let live = slots.filter(|slot| view.index.is_live(*slot, view.now_ms));
    let compared: Vec<(Slot, f32)> =
        live.map(|slot| (slot, cosines.of(view.index, view.plan.vector.as_ref(), slot))).collect();
    let threshold = reached_by(compared.iter().map(|(_, cosine)| *cosine), wanted).max(COSINE_MIN);
    let mut sums = Sums::new(view, words, keep);
    for (slot, cosine) in compared {
        if cosine >= threshold || words.is_touched(slot) {
            sums.add(slot, cosine);
        }
    }
    sums.best()
}

/// Estimates all vectors and compares those of the likeliest.
fn estimated(view: View<'_>, scratch: &mut Scratch, keep: usize, wanted: usize) -> Vec<Slot> {
    let (index, vector) = (view.index, view.plan.vector.as_ref());
    let Scratch { words, cosines } = scratch;
    let mut differing = std::mem::take(&mut cosines.differing);
    let dimensions = vector.map_or(0, |vector| vector.codes.len());
    if let Some(vector) = vector {
        index.differing_signs(vector, &mut differing);
    }
    let enough = nearest(&differing, dimensions, wanted * ESTIMATED_PER_KEPT);
    let near = differing.iter().zip(0..).filter(|(differing, _)| **differing <= enough);
    let near: Vec<Slot> =
        near.map(|(_, slot)| slot).filter(|slot| index.is_live(*slot, view.now_ms)).collect();
    let estimates = estimates(dimensions);
    let estimate = |slot: Slot| estimates[differing[slot as usize] as usize];
    let likely = by_words(view, words, estimate, keep * ESTIMATED_PER_KEPT);
    cosines.differing = differing;

    let mut cosine = |slot| cosines.of(index, vector, slot);
    let threshold = reached_by(near.iter().map(|slot| cosine(*slot)), wanted).max(COSINE_MIN);
    let mut sums = Sums::new(view, words, keep);
    for slot in likely {
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

/// The best `keep` of those that share a word with the query.
fn by_words(view: View<'_>, words: &Words, cosine: impl Fn(Slot) -> f32, keep: usize) -> Vec<Slot> {
    let mut sums = Sums::new(view, words, keep);
    for slot in words.touched() {
        if view.index.is_live(*slot, view.now_ms) {
            sums.add(*slot, cosine(*slot));
        }
    }
    sums.best()
}

/// The signals of a slot's words and meaning.
pub(super) fn words_and_meaning(view: View<'_>, words: &Words, slot: Slot, cosine: f32) -> Signals {
    let worth = words.worth(slot);
    let share = breadth_share(view.plan.ranking, view.index.traits(slot).tokens, view.index.mean_tokens());
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
    weights: &'static Weights,
    standing: Standing<'a>,
    mean_tokens: f32,
    /// The most that facts add.
    facts_most: f32,
    keep: usize,
    /// Sum and slot of the worst that is kept, once `keep` were found.
    worst: (f32, Slot),
    found: Vec<(f32, Slot)>,
}

impl<'a> Sums<'a> {
    fn new(view: View<'a>, words: &'a Words, keep: usize) -> Self {
        let weights = Weights::of(view.plan.ranking);
        let standing = Standing::of(view.plan);
        Self {
            view,
            words,
            weights,
            facts_most: standing.most(weights),
            standing,
            mean_tokens: view.index.mean_tokens(),
            keep,
            worst: (f32::NEG_INFINITY, 0),
            found: Vec::new(),
        }
    }

    #[inline]
    fn add(&mut self, slot: Slot, cosine: f32) {
        let (worth, weights) = (self.words.worth(slot), self.weights);
        let (keywords, beside) =
            (worth.keywords * weights.keywords, worth.related * weights.related + cosine * weights.meaning);
        // Most are out of reach by this alone, and their facts need not be fetched.
        if keywords * BREADTH_SHARE_MAX + beside + self.facts_most >= self.worst.0 {
            self.add_with_facts(slot, keywords, beside);
        }
    }

    fn add_with_facts(&mut self, slot: Slot, keywords: f32, beside: f32) {
        let traits = self.view.index.traits(slot);
        let share = breadth_share(self.view.plan.ranking, traits.tokens, self.mean_tokens);
        let facts = self.standing.sum(self.weights, traits, || self.view.index.at_ms(slot));
        let sum = keywords * share + beside + facts;
        if sum > self.worst.0 || (sum == self.worst.0 && slot > self.worst.1) {
            self.found.push((sum, slot));
            if self.found.len() >= self.keep * 2 {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.keep {
            let best_first = |(a, x): &(f32, Slot), (b, y): &(f32, Slot)| b.total_cmp(a).then(y.cmp(x));
            self.worst = *self.found.select_nth_unstable_by(self.keep - 1, best_first).1;
            self.found.truncate(self.keep);
        }
    }

    fn best(mut self) -> Vec<Slot> {
        self.cut();
        self.found.into_iter().map(|(_, slot)| slot).collect()
    }
}
