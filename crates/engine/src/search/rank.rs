//! The formula: every signal by name, its weight, and what it adds to a memory's score.

use crate::analysis;
use crate::index::{Index, Slot};
use crate::memory::Memory;
use crate::query::{Explanation, Ranking, Signal};

use super::gather::Scratch;
use super::plan::Plan;

/// What one point of each signal is worth. Tuned on three conversations only; docs/benchmarks.md says which.
struct Weights {
    keywords: f32,
    meaning: f32,
    actor: f32,
    date: f32,
    importance: f32,
    recency: f32,
}

const HYBRID: Weights =
    Weights { keywords: 0.5, meaning: 6.0, actor: 2.0, date: 3.0, importance: 1.0, recency: 0.2 };
const BM25: Weights =
    Weights { keywords: 1.0, meaning: 0.0, actor: 0.0, date: 0.0, importance: 0.0, recency: 0.0 };

impl Weights {
    /// The most that signals beside words and meaning can differ between two memories for this query.
    fn most_beside(&self, plan: &Plan) -> f32 {
        let actor = if plan.actors.is_empty() { 0.0 } else { self.actor };
        let date = if plan.dates.is_empty() { 0.0 } else { self.date };
        actor + date + self.importance + self.recency
    }
}

fn weights(ranking: Ranking) -> &'static Weights {
    match ranking {
        Ranking::Hybrid => &HYBRID,
        Ranking::Bm25 => &BM25,
    }
}

/// A memory's recency halves in this many days.
const RECENCY_HALF_LIFE_DAYS: f32 = 30.0;
/// Candidates by meaning alone, beside every memory that shares a word with the query.
const SEMANTIC_CANDIDATES_MIN: usize = 200;
/// A cosine below this says nothing.
const COSINE_MIN: f32 = 0.1;
/// Raw score at which the score is 0.5.
const HALF: f32 = 6.0;
/// Candidates ranked for each hit asked for; the filter may refuse some.
const RANKED_PER_HIT: usize = 20;
const MS_PER_DAY: f32 = 86_400_000.0;

/// One candidate and its raw score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    pub(super) slot: Slot,
    pub(super) raw: f32,
}

/// The score of a raw sum: 0 to 1, the same curve in every store.
pub(super) fn score(raw: f32) -> f64 {
    let raw = raw.max(0.0);
    f64::from(raw / (raw + HALF))
}

/// The best candidates, best first. `allowed` restricts them by slot.
pub(super) fn rank(
    index: &Index,
    plan: &Plan,
    scratch: &Scratch,
    allowed: Option<&[bool]>,
    now_ms: i64,
    limit: usize,
) -> Vec<Ranked> {
    let admits =
        |slot: Slot| index.is_live(slot, now_ms) && allowed.is_none_or(|allowed| allowed[slot as usize]);
    let lexical = scratch.touched.iter().copied().filter(|slot| admits(*slot));
    let semantic = semantic_candidates(plan, scratch, limit, admits);
    let semantic = semantic.into_iter().filter(|slot| scratch.keywords[*slot as usize] == 0.0);
    let weights = weights(plan.ranking);
    let mut bases: Vec<Ranked> = lexical
        .chain(semantic)
        .map(|slot| {
            let (keywords, meaning) =
                (scratch.keywords[slot as usize], scratch.cosines[slot as usize].max(0.0));
            Ranked { slot, raw: keywords * weights.keywords + meaning * weights.meaning }
        })
        .collect();
    let keep = limit.saturating_mul(RANKED_PER_HIT).max(1);
    if bases.len() > keep {
        // Words and meaning are cheap to add up, the rest is bounded: who cannot reach the top even with all
        // of it is out before the dear signals are looked at.
        bases.select_nth_unstable_by(keep, best_first);
        let reachable = bases[keep].raw - weights.most_beside(plan);
        bases.retain(|candidate| candidate.raw >= reachable);
    }
    let mut ranked: Vec<Ranked> = bases
        .into_iter()
        .map(|Ranked { slot, .. }| {
            let raw = signals(index, plan, scratch, slot, now_ms).iter().map(contribution).sum();
            Ranked { slot, raw }
        })
        .collect();
    if ranked.len() > keep {
        ranked.select_nth_unstable_by(keep, best_first);
        ranked.truncate(keep);
    }
    ranked.sort_unstable_by(best_first);
    ranked
}

/// Order of the ranking. The newer memory wins a tie: it is the likelier to still be true.
fn best_first(a: &Ranked, b: &Ranked) -> std::cmp::Ordering {
    b.raw.total_cmp(&a.raw).then(b.slot.cmp(&a.slot))
}

/// Where a hit's score comes from.
pub(super) fn explain(
    index: &Index,
    plan: &Plan,
    scratch: &Scratch,
    memory: &Memory,
    now_ms: i64,
) -> Option<Explanation> {
    let slot = index.slot(memory.id)?;
    let signals = signals(index, plan, scratch, slot, now_ms);
    let texts = [memory.content.as_str(), memory.actor.as_deref().unwrap_or_default()];
    let mut held: Vec<String> =
        texts.into_iter().flat_map(analysis::tokens).map(|token| token.term).collect();
    held.sort_unstable();
    let matched = plan.terms.iter().map(|token| &token.term).filter(|term| held.binary_search(term).is_ok());
    Some(Explanation {
        raw: shown(signals.iter().map(contribution).sum::<f32>()),
        matched_terms: matched.cloned().collect(),
        signals: signals
            .iter()
            .map(|(name, value, weight)| Signal {
                name,
                value: shown(*value),
                weight: shown(*weight),
                contribution: shown(value * weight),
            })
            .collect(),
    })
}

/// A number as people read it: six decimals, not the tail of its binary form.
fn shown(number: f32) -> f64 {
    (f64::from(number) * 1e6).round() / 1e6
}

fn contribution((_, value, weight): &(&'static str, f32, f32)) -> f32 {
    value * weight
}

/// Name, value and weight of every signal of one memory.
fn signals(
    index: &Index,
    plan: &Plan,
    scratch: &Scratch,
    slot: Slot,
    now_ms: i64,
) -> [(&'static str, f32, f32); 6] {
    let weights = weights(plan.ranking);
    let fact = index.fact(slot);
    let spoken = plan.actors.contains(&fact.actor) || scratch.named[slot as usize];
    let dated = plan.dates.iter().any(|cue| cue.matches(fact.at_ms));
    let age_days = ((now_ms - fact.at_ms) as f32 / MS_PER_DAY).max(0.0);
    [
        ("keywords", scratch.keywords[slot as usize], weights.keywords),
        ("meaning", scratch.cosines[slot as usize].max(0.0), weights.meaning),
        ("actor", f32::from(u8::from(spoken)), weights.actor),
        ("date", f32::from(u8::from(dated)), weights.date),
        ("importance", fact.importance - 0.5, weights.importance),
        ("recency", (-age_days / RECENCY_HALF_LIFE_DAYS).exp2(), weights.recency),
    ]
}

/// The slots nearest in meaning among those that are admitted.
fn semantic_candidates(
    plan: &Plan,
    scratch: &Scratch,
    limit: usize,
    admits: impl Fn(Slot) -> bool,
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
    fn scores_stay_between_0_and_1_and_keep_the_order() {
        assert_eq!(score(-1.0), 0.0);
        assert_eq!(score(HALF), 0.5);
        assert!(score(1.0) < score(2.0) && score(1e9) < 1.0 + f64::EPSILON);
    }

    #[test]
    fn the_histogram_finds_a_cosine_that_enough_slots_reach() {
        let cosines: Vec<f32> = (0..1_000).map(|i| i as f32 / 1_000.0).collect();
        let threshold = nth_cosine(&cosines, 100);
        let reached = cosines.iter().filter(|c| **c >= threshold).count();
        assert!((100..=104).contains(&reached), "{reached}");
    }
}
