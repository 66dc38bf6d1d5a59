//! What a least score does: how many questions without an answer it refuses, and what it costs those that have one.

use serde::Serialize;

use super::bootstrap::percent;
use super::run::Outcome;

/// Scores that are tried.
const LEAST_SCORES: [f64; 7] = [0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60];
/// The score that docs/retrieval.md recommends; each store is measured with it.
const RECOMMENDED: f64 = 0.45;

/// Best scores of questions that nothing in the store answers, by group.
#[derive(Debug, Clone, Default)]
pub(super) struct Unanswered {
    /// Questions of another group.
    pub(super) elsewhere: Vec<(usize, f64)>,
    /// Questions of the same group that were made to have no answer.
    pub(super) unanswerable: Vec<(usize, f64)>,
}

/// What least scores do, in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct NoAnswer {
    /// Pairs of an answered question and one of another group in which the first has the better best hit.
    pub(crate) outscores: f64,
    pub(crate) questions_of_other_groups: usize,
    pub(crate) unanswerable_questions: usize,
    pub(crate) least_scores: Vec<LeastScore>,
    pub(crate) by_group: Vec<GroupRefusals>,
}

/// What one least score does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct LeastScore {
    pub(crate) min_score: f64,
    /// Questions with an answer whose best hit stays.
    pub(crate) answered: f64,
    /// Of the relevant documents among the first ten, those that stay.
    pub(crate) evidence_kept: f64,
    /// Questions of other groups that get nothing.
    pub(crate) elsewhere_refused: f64,
    /// Questions made to have no answer that get nothing; 0 when there are none.
    pub(crate) unanswerable_refused: f64,
}

/// What the recommended score does in one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GroupRefusals {
    pub(crate) group: String,
    pub(crate) documents: usize,
    pub(crate) answered: f64,
    pub(crate) elsewhere_refused: f64,
}

impl NoAnswer {
    /// `None` when there is only one group, so that there is nothing to ask that has no answer.
    pub(super) fn new(
        groups: &[(String, usize)],
        outcomes: &[Outcome],
        unanswered: &Unanswered,
    ) -> Option<Self> {
        if unanswered.elsewhere.is_empty() {
            return None;
        }
        let best: Vec<(usize, f64)> = outcomes.iter().map(|one| (one.group, one.best_score)).collect();
        let evidence: Vec<f64> =
            outcomes.iter().flat_map(|one| one.evidence_scores.iter().copied()).collect();
        let of = |scores: &[(usize, f64)]| scores.iter().map(|(_, score)| *score).collect::<Vec<_>>();
        let (answered, elsewhere) = (of(&best), of(&unanswered.elsewhere));
        let least_scores = LEAST_SCORES.map(|min_score| LeastScore {
            min_score,
            answered: kept(&answered, min_score),
            evidence_kept: kept(&evidence, min_score),
            elsewhere_refused: refused(&elsewhere, min_score),
            unanswerable_refused: refused(&of(&unanswered.unanswerable), min_score),
        });
        let by_group = groups.iter().enumerate().map(|(at, (group, documents))| {
            let here = |scores: &[(usize, f64)]| {
                scores.iter().filter(|(group, _)| *group == at).map(|(_, score)| *score).collect::<Vec<_>>()
            };
            GroupRefusals {
                group: group.clone(),
                documents: *documents,
                answered: kept(&here(&best), RECOMMENDED),
                elsewhere_refused: refused(&here(&unanswered.elsewhere), RECOMMENDED),
            }
        });
        Some(Self {
            outscores: percent(outscores(&answered, &elsewhere)),
            questions_of_other_groups: elsewhere.len(),
            unanswerable_questions: unanswered.unanswerable.len(),
            least_scores: least_scores.to_vec(),
            by_group: by_group.collect(),
        })
    }
}

fn kept(scores: &[f64], min_score: f64) -> f64 {
    percent(scores.iter().filter(|score| **score >= min_score).count() as f64 / scores.len().max(1) as f64)
}

fn refused(scores: &[f64], min_score: f64) -> f64 {
    percent(scores.iter().filter(|score| **score < min_score).count() as f64 / scores.len().max(1) as f64)
}

/// Share of the pairs in which the first is the greater (half of those in which they are equal): the area under the
/// ROC curve.
fn outscores(answered: &[f64], elsewhere: &[f64]) -> f64 {
    let mut sorted = elsewhere.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins = answered.iter().map(|score| {
        let below = sorted.partition_point(|other| other < score);
        let up_to = sorted.partition_point(|other| other <= score);
        (below + up_to) as f64 / 2.0
    });
    wins.sum::<f64>() / (answered.len() * elsewhere.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_pairs_are_counted_as_defined() {
        assert_eq!((kept(&[0.2, 0.45, 0.9], 0.45), refused(&[0.2, 0.45, 0.9], 0.45)), (66.67, 33.33));
        assert_eq!((kept(&[], 0.5), refused(&[], 0.5)), (0.0, 0.0));
        assert_eq!(outscores(&[0.9, 0.5], &[0.1, 0.5]), 0.875);
        assert_eq!(outscores(&[1.0], &[0.0, 0.5]), 1.0);
    }
}
