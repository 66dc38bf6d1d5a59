//! The signals of a memory that its own facts give: how much it states, whose it is, when it was.

use std::collections::HashMap;

use super::plan::Plan;
use super::weights::{STATED_MAX, Signals, Weights};
use crate::cues::DateCue;
use crate::index::Traits;

/// A memory's recency halves in this many days.
const RECENCY_HALF_LIFE_DAYS: f32 = 30.0;
const MS_PER_DAY: i64 = 86_400_000;

/// Judges memories by their facts for one query.
pub(super) struct Standing<'a> {
    actors: &'a [u32],
    dates: &'a [DateCue],
    /// Days since 1970 that were looked at, and whether the query speaks of them.
    days: HashMap<i64, bool>,
}

impl<'a> Standing<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        Self { actors: &plan.actors, dates: &plan.dates, days: HashMap::new() }
    }

    /// Adds the signals of the facts to those of words and meaning.
    pub(super) fn signals(&mut self, signals: Signals, traits: &Traits, at_ms: i64, now_ms: i64) -> Signals {
        let age_days = ((now_ms - at_ms) as f32 / MS_PER_DAY as f32).max(0.0);
        Signals {
            stated: traits.stated.min(STATED_MAX),
            actor: yes(self.actors.contains(&traits.actor)),
            date: yes(self.speaks_of(at_ms)),
            importance: traits.importance - 0.5,
            recency: (-age_days / RECENCY_HALF_LIFE_DAYS).exp2(),
            ..signals
        }
    }

    /// The weighted sum of the same, without recency, which breaks ties between the best and chooses nobody.
    pub(super) fn sum(&mut self, weights: &Weights, traits: &Traits, at_ms: impl FnOnce() -> i64) -> f32 {
        let date = if self.dates.is_empty() { 0.0 } else { yes(self.speaks_of(at_ms())) };
        traits.stated.min(STATED_MAX) * weights.stated
            + yes(self.actors.contains(&traits.actor)) * weights.actor
            + date * weights.date
            + (traits.importance - 0.5) * weights.importance
    }

    /// The most that [`sum`](Self::sum) gives.
    pub(super) fn most(&self, weights: &Weights) -> f32 {
        let if_asked = |asked: bool, weight: f32| if asked { weight } else { 0.0 };
        STATED_MAX * weights.stated
            + if_asked(!self.actors.is_empty(), weights.actor)
            + if_asked(!self.dates.is_empty(), weights.date)
            + 0.5 * weights.importance
    }

    fn speaks_of(&mut self, at_ms: i64) -> bool {
        let dates = self.dates;
        let day = || dates.iter().any(|cue| cue.matches(at_ms));
        !dates.is_empty() && *self.days.entry(at_ms.div_euclid(MS_PER_DAY)).or_insert_with(day)
    }
}

fn yes(is: bool) -> f32 {
    f32::from(u8::from(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Ranking;

    #[test]
    fn a_question_states_nothing_and_an_essay_no_more_than_a_paragraph() {
        let plan = Plan {
            terms: Vec::new(),
            vector: None,
            actors: vec![7],
            dates: Vec::new(),
            ranking: Ranking::Hybrid,
        };
        let of = |stated: u16, actor| {
            let traits = Traits { tokens: 9, actor, stated: f32::from(stated).ln_1p(), importance: 0.5 };
            Standing::of(&plan).signals(Signals::default(), &traits, 0, 0)
        };
        assert_eq!(of(0, 0).stated, 0.0);
        assert!(of(12, 0).stated > of(5, 0).stated);
        assert_eq!(of(1_000, 0).stated, of(40, 0).stated);
        assert_eq!((of(1, 7).actor, of(1, 0).actor), (1.0, 0.0));
    }

    #[test]
    fn the_sum_is_that_of_the_signals_without_recency() {
        let plan = Plan {
            terms: Vec::new(),
            vector: None,
            actors: vec![7],
            dates: crate::cues::dates("on 8 May 2023", 0),
            ranking: Ranking::Hybrid,
        };
        let weights = Weights::of(Ranking::Hybrid);
        let (may_8, may_9) = (1_683_547_200_000, 1_683_633_600_000);
        for (actor, at_ms) in [(7, may_8), (7, may_9), (8, may_8), (8, may_9)] {
            let traits = Traits { tokens: 9, actor, stated: 2.0, importance: 0.8 };
            let mut standing = Standing::of(&plan);
            let sum = standing.sum(weights, &traits, || at_ms);
            let signals = standing.signals(Signals::default(), &traits, at_ms, i64::MAX);
            assert!((sum - signals.sum(weights)).abs() < 1e-5, "{actor} {at_ms}");
            assert!(sum <= standing.most(weights));
        }
    }
}
