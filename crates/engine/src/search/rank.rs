//! The ranking on one screen: candidates by words and meaning, their facts, then what they say of each other.

use super::candidates::{View, candidates, words_and_meaning};
use super::facts::Standing;
use super::feedback::look_alike;
use super::neighbours::share_meaning;
use super::scratch::Scratch;
use super::session::help_each_other;
use super::weights::{Signals, Weights};
use crate::index::Slot;

/// Candidates ranked for each hit asked for; the filter may refuse some.
const RANKED_PER_HIT: usize = 20;
/// Fewest candidates whose neighbours and sessions are looked at: more than any question has answers.
const RANKED_MIN: usize = 500;

/// One candidate, its raw score and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    pub(super) slot: Slot,
    pub(super) raw: f32,
    pub(super) signals: Signals,
}

impl Ranked {
    /// Order of the ranking. The newer memory wins a tie: it is the likelier to still be true.
    pub(super) fn best_first(a: &Self, b: &Self) -> std::cmp::Ordering {
        b.raw.total_cmp(&a.raw).then(b.slot.cmp(&a.slot))
    }
}

/// The best candidates, best first.
pub(super) fn rank(view: View<'_>, scratch: &mut Scratch, limit: usize) -> Vec<Ranked> {
    let View { index, plan, now_ms, .. } = view;
    let weights = Weights::of(plan.ranking);
    let keep = limit.saturating_mul(RANKED_PER_HIT).max(RANKED_MIN);
    let slots = candidates(view, scratch, keep, limit);
    let Scratch { words, cosines } = scratch;
    let mut cosine = |slot| cosines.of(index, plan.vector.as_ref(), slot);
    let mut standing = Standing::of(plan);
    let judged = slots.into_iter().map(|slot| {
        let signals = words_and_meaning(view, words, slot, cosine(slot));
        let signals = standing.signals(signals, index.traits(slot), index.at_ms(slot), now_ms);
        Ranked { slot, raw: signals.sum(weights), signals }
    });
    let mut ranked: Vec<Ranked> = judged.collect();
    share_meaning(index, cosine, &mut ranked, weights);
    look_alike(index, &mut ranked, weights);
    help_each_other(index, &mut ranked, weights);
    ranked.sort_unstable_by(Ranked::best_first);
    ranked
}
