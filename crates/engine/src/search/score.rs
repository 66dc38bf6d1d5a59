//! The score people see: which part of what a perfect answer would have, 0 to 1. Comparable between queries and
//! stores, because the perfect answer is the query's own: all its words, all its meaning, its person and its day.

use super::length::Lengths;
use super::plan::Plan;

/// The signal `stated` of an ordinary short note, six words: what a memory has that answers nothing.
const STATED_ORDINARILY: f32 = 2.0;

/// What a good answer holds of the characters of a question and of the pairs of them, by their rarity: most pairs are of
/// the question alone. With it a score means nearly what it means elsewhere.
const CHARACTERS_HELD: f32 = 0.35;

/// From raw sums to scores, for one query.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scale {
    /// What a memory has for being there at all.
    nothing: f32,
    /// What a perfect answer has.
    perfect: f32,
}

impl Scale {
    /// `words` is the sum of the rarities of the query's words; one that nobody here uses is as rare as can be, so
    /// a query about something else scores low.
    pub(super) fn of(plan: &Plan, words: f32) -> Self {
        let weights = plan.weights;
        let nothing = weights.stated * STATED_ORDINARILY;
        let if_asked = |asked: bool, weight: f32| if asked { weight } else { 0.0 };
        let perfect = nothing
            + weights.keywords * words * share_held(plan.lengths)
            + if_asked(plan.vector.is_some(), weights.meaning)
            + if_asked(!plan.actors.is_empty(), weights.actor)
            + if_asked(!plan.dates.is_empty(), weights.date);
        Self { nothing, perfect }
    }

    /// The same with a signal more, of which a perfect answer has all.
    pub(super) fn beside(self, weight: f32) -> Self {
        Self { perfect: self.perfect + weight, ..self }
    }

    /// The score of a raw sum; in the order of the raw sums.
    pub(super) fn score(self, raw: f32) -> f64 {
        let share = (raw - self.nothing) / (self.perfect - self.nothing).max(f32::MIN_POSITIVE);
        f64::from(share.clamp(0.0, 1.0))
    }
}

/// What a perfect answer holds of the words, by their rarity.
fn share_held(lengths: Lengths) -> f32 {
    match lengths {
        Lengths::OfTurns | Lengths::BesideMean { .. } => 1.0,
        Lengths::OfCharacters { .. } => CHARACTERS_HELD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_stay_between_0_and_1_and_keep_the_order() {
        let scale = Scale { nothing: 2.0, perfect: 12.0 };
        let check = |raw: f32, want: f64| assert!((scale.score(raw) - want).abs() < 1e-6, "{raw}");
        check(-1.0, 0.0);
        check(2.0, 0.0);
        check(7.0, 0.5);
        check(12.0, 1.0);
        check(1e9, 1.0);
        assert_eq!(Scale { nothing: 0.0, perfect: 0.0 }.score(1.0), 1.0);
    }
}
