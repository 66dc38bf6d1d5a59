//! Hits that do not repeat each other, on request: each next one is the best of what is both relevant and new.
//! Source: J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
//! producing summaries", 1998.

use std::borrow::Cow;

use super::codes::Codes;
use crate::index::Index;
use crate::query::{Hit, SearchQuery};
use crate::vector::dot;

/// Hits that are chosen from, for each one asked for.
const CHOSEN_FROM_PER_HIT: usize = 4;
/// Fewest hits that are chosen from.
const CHOSEN_FROM_MIN: usize = 40;

/// The query whose hits are chosen from: the same unless diversity is asked for.
pub(super) fn chosen_from(query: &SearchQuery) -> Cow<'_, SearchQuery> {
    if !is_asked(query) {
        return Cow::Borrowed(query);
    }
    let limit = query.limit.saturating_mul(CHOSEN_FROM_PER_HIT).max(CHOSEN_FROM_MIN);
    Cow::Owned(SearchQuery { limit, ..query.clone() })
}

/// The hits that were asked for, in the order of relevance and novelty; a memory without a vector repeats nothing.
pub(super) fn diversify(index: &Index, codes: &Codes, query: &SearchQuery, hits: Vec<Hit>) -> Vec<Hit> {
    if !is_asked(query) {
        return hits;
    }
    let vector = |hit: &Hit| index.slot(hit.memory.id).and_then(|slot| codes.get(index, slot));
    let vectors: Vec<_> = hits.iter().map(vector).collect();
    let likeness = |one: usize, other: usize| match (vectors[one], vectors[other]) {
        (Some((a_scale, a)), Some((b_scale, b))) => {
            f64::from((dot(a, b) as f32 * a_scale * b_scale).max(0.0))
        }
        _ => 0.0,
    };
    let scores: Vec<f64> = hits.iter().map(|hit| hit.score).collect();
    let chosen = choose(&scores, likeness, query.diversity, query.limit);
    let mut hits: Vec<Option<Hit>> = hits.into_iter().map(Some).collect();
    let told = chosen.into_iter().filter_map(|Choice { at, repeats }| {
        let mut hit = hits[at].take()?;
        if let Some(explanation) = &mut hit.explanation {
            explanation.repeats = Some((repeats * 1e6).round() / 1e6);
        }
        Some(hit)
    });
    told.collect()
}

fn is_asked(query: &SearchQuery) -> bool {
    query.diversity > 0.0
}

/// One hit that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Choice {
    at: usize,
    /// Its likeness to the nearest of those before it.
    repeats: f64,
}

/// At most `limit` of the hits, each the one of most `(1 - diversity) * score - diversity * likeness`, where the likeness
/// is that to the nearest one chosen before; the earlier of equals.
fn choose(
    scores: &[f64],
    likeness: impl Fn(usize, usize) -> f64,
    diversity: f64,
    limit: usize,
) -> Vec<Choice> {
    let mut left: Vec<Choice> = (0..scores.len()).map(|at| Choice { at, repeats: 0.0 }).collect();
    let mut chosen = Vec::with_capacity(limit.min(left.len()));
    let worth = |choice: &Choice| (1.0 - diversity) * scores[choice.at] - diversity * choice.repeats;
    while chosen.len() < limit {
        let best = left.iter().enumerate().rev().max_by(|(_, a), (_, b)| worth(a).total_cmp(&worth(b)));
        let Some(place) = best.map(|(place, _)| place) else { break };
        let best = left.remove(place);
        for choice in &mut left {
            choice.repeats = choice.repeats.max(likeness(choice.at, best.at));
        }
        chosen.push(best);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores, best first, each with the letter of what the hit says; and the order they are put in.
    fn check(hits: &[(f64, char)], diversity: f64, limit: usize, want: &[usize]) {
        let scores: Vec<f64> = hits.iter().map(|(score, _)| *score).collect();
        let likeness = |one: usize, other: usize| if hits[one].1 == hits[other].1 { 0.9 } else { 0.1 };
        let chosen: Vec<usize> =
            choose(&scores, likeness, diversity, limit).iter().map(|choice| choice.at).collect();
        assert_eq!(chosen, want, "{hits:?} {diversity}");
    }

    #[test]
    fn what_was_said_gives_way_to_what_was_not() {
        let hits = [(0.9, 'a'), (0.85, 'a'), (0.8, 'a'), (0.6, 'b'), (0.2, 'c')];
        check(&hits, 0.0, 5, &[0, 1, 2, 3, 4]);
        check(&hits, 0.1, 3, &[0, 1, 2]);
        check(&hits, 0.3, 3, &[0, 3, 1]);
        check(&hits, 1.0, 3, &[0, 3, 4]);
    }

    #[test]
    fn the_best_comes_first_and_equals_keep_their_order() {
        check(&[(0.5, 'a'), (0.5, 'b'), (0.5, 'c')], 0.5, 3, &[0, 1, 2]);
        check(&[(0.5, 'a')], 0.5, 3, &[0]);
        check(&[], 0.5, 3, &[]);
        check(&[(0.5, 'a')], 0.5, 0, &[]);
    }

    #[test]
    fn a_choice_says_what_it_repeats() {
        let chosen = choose(&[0.9, 0.8], |_, _| 0.7, 0.2, 2);
        assert_eq!(chosen, [Choice { at: 0, repeats: 0.0 }, Choice { at: 1, repeats: 0.7 }]);
    }
}
