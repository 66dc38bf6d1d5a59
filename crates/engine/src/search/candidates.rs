//! Who is looked at closely: every memory that shares a word with the query, and the nearest in meaning.

use super::gather::Scratch;
use super::plan::Plan;
use super::rank::Ranked;
use super::weights::{Signals, Weights};
use crate::index::Slot;

/// Candidates by meaning alone, beside every memory that shares a word with the query.
const SEMANTIC_CANDIDATES_MIN: usize = 200;
/// A cosine below this says nothing.
const COSINE_MIN: f32 = 0.1;

/// The admitted candidates with their signals of words and meaning. When they are more than `keep`, those that are
/// neither among the best `keep` nor could be among the best `limit`, even with all that facts can add, are left
/// out before the facts are read.
pub(super) fn candidates(
    plan: &Plan,
    scratch: &Scratch,
    keep: usize,
    limit: usize,
    admits: impl Fn(Slot) -> bool,
) -> Vec<Ranked> {
    let weights = Weights::of(plan.ranking);
    let lexical = scratch.touched.iter().copied().filter(|slot| admits(*slot));
    let semantic = semantic_candidates(plan, scratch, limit, &admits);
    let semantic = semantic.into_iter().filter(|slot| !scratch.is_touched(*slot));
    // Most of a large store may share a word with the query: the sums are kept small until it is clear who stays.
    let mut sums: Vec<(f32, Slot)> = lexical
        .chain(semantic)
        .map(|slot| {
            let signals = words_and_meaning(scratch, slot);
            let sum = signals.keywords * weights.keywords
                + signals.related * weights.related
                + signals.meaning * weights.meaning;
            (sum, slot)
        })
        .collect();
    if sums.len() > keep {
        let best_first = |(a, _): &(f32, Slot), (b, _): &(f32, Slot)| b.total_cmp(a);
        let kept = sums.select_nth_unstable_by(keep, best_first).1.0;
        let wanted = sums[..keep].select_nth_unstable_by(limit.min(keep - 1), best_first).1.0;
        let reaches = wanted - weights.most_of_facts(plan);
        sums.retain(|(sum, _)| *sum >= kept.min(reaches));
    }
    let ranked = |(raw, slot)| Ranked { slot, raw, signals: words_and_meaning(scratch, slot) };
    sums.into_iter().map(ranked).collect()
}

fn words_and_meaning(scratch: &Scratch, slot: Slot) -> Signals {
    let at = slot as usize;
    Signals {
        keywords: scratch.keywords[at],
        related: scratch.related[at],
        meaning: scratch.cosines[at].max(0.0),
        ..Signals::default()
    }
}

/// The slots nearest in meaning among those that are admitted.
fn semantic_candidates(
    plan: &Plan,
    scratch: &Scratch,
    limit: usize,
    admits: &impl Fn(Slot) -> bool,
) -> Vec<Slot> {
    if plan.vector.is_none() {
        return Vec::new();
    }
    let wanted = SEMANTIC_CANDIDATES_MIN.max(limit * 2);
    let threshold = nth_cosine(&scratch.cosines, wanted).max(COSINE_MIN);
    let over = |threshold: f32| {
        let slots = scratch.cosines.iter().zip(0..).filter(move |(cosine, _)| **cosine >= threshold);
        slots.map(|(_, slot)| slot).filter(|slot| admits(*slot)).collect::<Vec<Slot>>()
    };
    let mut slots = over(threshold);
    if slots.len() < wanted && threshold > COSINE_MIN {
        slots = over(COSINE_MIN);
        if slots.len() > wanted {
            let by_cosine =
                |a: &Slot, b: &Slot| scratch.cosines[*b as usize].total_cmp(&scratch.cosines[*a as usize]);
            slots.select_nth_unstable_by(wanted, by_cosine);
            slots.truncate(wanted);
        }
    }
    slots
}

/// A cosine that about `wanted` slots reach, from a histogram: two passes instead of a sort.
fn nth_cosine(cosines: &[f32], wanted: usize) -> f32 {
    const BUCKETS: usize = 512;
    let bucket = |cosine: f32| ((cosine.clamp(0.0, 1.0) * (BUCKETS - 1) as f32) as usize).min(BUCKETS - 1);
    let mut counts = [0usize; BUCKETS];
    for cosine in cosines {
        counts[bucket(*cosine)] += 1;
    }
    let mut seen = 0;
    for at in (1..BUCKETS).rev() {
        seen += counts[at];
        if seen >= wanted {
            return at as f32 / (BUCKETS - 1) as f32;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_finds_a_cosine_that_enough_slots_reach() {
        let cosines: Vec<f32> = (0..1_000).map(|i| i as f32 / 1_000.0).collect();
        let threshold = nth_cosine(&cosines, 100);
        let reached = cosines.iter().filter(|c| **c >= threshold).count();
        assert!((100..=104).contains(&reached), "{reached}");
    }
}
