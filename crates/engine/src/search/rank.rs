//! The ranking on one screen: candidates by words and meaning, their facts, then what they say of each other.

use rusqlite::Connection;

use super::candidates::{View, candidates, words_and_meaning};
use super::facts::Standing;
use super::feedback::look_alike;
use super::neighbours::share_meaning;
use super::scratch::Scratch;
use super::session::help_each_other;
use super::weights::Signals;
use crate::error::EngineError;
use crate::index::Slot;

/// Candidates ranked for each hit asked for; the filter may refuse some.
const RANKED_PER_HIT: usize = 20;
/// Most candidates, however many hits are asked for: a huge store reads the vectors of each from the file.
const RANKED_MAX: usize = 20_000;
/// Fewest candidates whose neighbours and sessions are looked at: more than any question has answers.
const RANKED_MIN: usize = 200;

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

/// Candidates that are ranked when a page of `limit` is wanted.
pub(super) fn candidates_kept(limit: usize) -> usize {
    limit.saturating_mul(RANKED_PER_HIT).clamp(RANKED_MIN, RANKED_MAX)
}

/// The best candidates, best first.
pub(super) fn rank(
    connection: &Connection,
    view: View<'_>,
    scratch: &mut Scratch,
    limit: usize,
) -> Result<Vec<Ranked>, EngineError> {
    let View { index, plan, now_ms, .. } = view;
    let weights = &plan.weights;
    let slots = candidates(view, scratch, candidates_kept(limit), limit);
    let Scratch { words, cosines, codes } = scratch;
    codes.read(connection, index, &slots)?;
    let mut cosine = |slot| cosines.of(slot, || codes.cosine(index, plan.vector.as_ref(), slot));
    let mut standing = Standing::of(plan, index);
    let judged = slots.into_iter().map(|slot| {
        let signals = words_and_meaning(view, words, slot, cosine(slot));
        let signals = standing.signals(signals, slot, now_ms);
        Ranked { slot, raw: signals.sum(weights), signals }
    });
    let mut ranked: Vec<Ranked> = judged.collect();
    share_meaning(view, cosine, &mut ranked);
    look_alike(view, codes, &mut ranked);
    help_each_other(index, &mut ranked, weights);
    Ok(best_first(&ranked))
}

/// Sorts by numbers in the order of the scores: a candidate is large, and moved once.
fn best_first(ranked: &[Ranked]) -> Vec<Ranked> {
    let key = |at: usize| {
        let Ranked { slot, raw, .. } = &ranked[at];
        // Positive floats are in the order of their bits, negative ones in the reverse order.
        let bits = raw.to_bits();
        let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        (u64::from(!ordered) << 32 | u64::from(!slot), at)
    };
    let mut order: Vec<(u64, usize)> = (0..ranked.len()).map(key).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| ranked[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_the_newer_of_equals() {
        let scores = [(1, 0.5), (2, -3.0), (3, 7.0), (4, 0.5), (5, 0.0), (6, -0.25), (7, 7.5)];
        let ranked = scores.map(|(slot, raw)| Ranked { slot, raw, signals: Signals::default() });
        let slots: Vec<Slot> = best_first(&ranked).iter().map(|ranked| ranked.slot).collect();
        assert_eq!(slots, [7, 3, 4, 1, 5, 6, 2]);
    }
}
