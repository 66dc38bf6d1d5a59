//! The signals of a memory that its own facts give: how much it states, whose it is, when it was.

use super::plan::Plan;
use super::weights::{STATED_MAX, Signals, Weights};
use crate::cues::DateCue;
use crate::index::{Index, Slot};

/// A memory's recency halves in this many days.
const RECENCY_HALF_LIFE_DAYS: f32 = 30.0;
const MS_PER_DAY: i64 = 86_400_000;
/// Days that are remembered: until 2149.
const DAYS_KEPT: usize = 65_536;

/// Judges memories by their facts for one query.
pub(super) struct Standing<'a> {
    index: &'a Index,
    actors: &'a [u32],
    dates: &'a [DateCue],
    /// By days since 1970: whether the query speaks of them, as far as it was asked.
    days: Vec<Option<bool>>,
}

impl<'a> Standing<'a> {
    pub(super) fn of(plan: &'a Plan, index: &'a Index) -> Self {
        Self { index, actors: &plan.actors, dates: &plan.dates, days: Vec::new() }
    }

    /// Adds the signals of the facts to those of words and meaning.
    pub(super) fn signals(&mut self, signals: Signals, slot: Slot, now_ms: i64) -> Signals {
        let (traits, at_ms) = (self.index.traits(slot), self.index.at_ms(slot));
        let age_days = ((now_ms - at_ms) as f32 / MS_PER_DAY as f32).max(0.0);
        Signals {
            stated: traits.stated().min(STATED_MAX),
            actor: yes(self.is_of_actor(slot)),
            date: yes(self.speaks_of(self.index.day(slot))),
            importance: traits.importance() - 0.5,
            recency: (-age_days / RECENCY_HALF_LIFE_DAYS).exp2(),
            ..signals
        }
    }

    /// The weighted sum of the same, without recency, which breaks ties between the best and chooses nobody.
    pub(super) fn sum(&mut self, weights: &Weights, slot: Slot) -> f32 {
        let traits = self.index.traits(slot);
        let is_of_day = !self.dates.is_empty() && self.speaks_of(self.index.day(slot));
        traits.stated().min(STATED_MAX) * weights.stated
            + yes(self.is_of_actor(slot)) * weights.actor
            + yes(is_of_day) * weights.date
            + (traits.importance() - 0.5) * weights.importance
    }

    /// The most that [`sum`](Self::sum) gives.
    pub(super) fn most(&self, weights: &Weights) -> f32 {
        let actor = if self.actors.is_empty() { 0.0 } else { weights.actor };
        let date = if self.dates.is_empty() { 0.0 } else { weights.date };
        STATED_MAX * weights.stated + actor + date + 0.5 * weights.importance
    }

    /// Adds what the day adds to the sums of the slots from `start` on.
    pub(super) fn add_days(&mut self, weights: &Weights, start: Slot, sums: &mut [f32]) {
        if self.dates.is_empty() {
            return;
        }
        // What follows one another is often of one day.
        let (mut last, mut is_spoken_of) = (None, false);
        for (slot, sum) in (start..).zip(sums) {
            let day = self.index.day(slot);
            if last != Some(day) {
                (last, is_spoken_of) = (Some(day), self.speaks_of(day));
            }
            *sum += yes(is_spoken_of) * weights.date;
        }
    }

    /// Numbers of the actors that the query names, ascending.
    pub(super) fn actors(&self) -> &'a [u32] {
        self.actors
    }

    fn is_of_actor(&self, slot: Slot) -> bool {
        !self.actors.is_empty() && self.actors.binary_search(&self.index.actor(slot)).is_ok()
    }

    /// Whether the query speaks of a day, counted from 1970.
    fn speaks_of(&mut self, day: i32) -> bool {
        if self.dates.is_empty() {
            return false;
        }
        let is_spoken_of = || self.dates.iter().any(|cue| cue.matches(i64::from(day) * MS_PER_DAY));
        let Some(place) = usize::try_from(day).ok().filter(|day| *day < DAYS_KEPT) else {
            return is_spoken_of();
        };
        if let Some(Some(known)) = self.days.get(place) {
            return *known;
        }
        let known = is_spoken_of();
        if self.days.len() <= place {
            self.days.resize(place + 1, None);
        }
        self.days[place] = Some(known);
        known
    }
}

fn yes(is: bool) -> f32 {
    f32::from(u8::from(is))
}

#[cfg(test)]
mod tests {
    use super::super::length::Lengths;
    use super::*;
    use crate::analysis::Writing;
    use crate::index::{Fact, IndexChange, Sizes};
    use crate::query::Ranking;

    const ACTOR: u32 = 7;
    const MAY_8: i64 = 1_683_547_200_000;
    const MAY_9: i64 = 1_683_633_600_000;

    /// A plan that asks for the actor and, in one of two, the eighth of May.
    fn plan(dates: &str) -> Plan {
        Plan {
            terms: Vec::new(),
            vector: None,
            signs: None,
            actors: vec![ACTOR],
            dates: crate::cues::dates(dates, 0),
            ranking: Ranking::Hybrid,
            weights: Weights::of(Ranking::Hybrid, Writing::Words, true),
            lengths: Lengths::OfTurns,
        }
    }

    /// An index of memories with these words outside questions, actors, days and importances.
    fn index(facts: &[(u32, u32, i64, f32)]) -> Index {
        let mut index = Index::empty(None, 0, Sizes::default());
        for (id, (stated, actor, at_ms, importance)) in (1..).zip(facts) {
            let fact = Fact {
                tokens: 9,
                stated: *stated,
                session: 0,
                position: 0,
                actor: *actor,
                at_ms: *at_ms,
                expires_ms: i64::MAX,
                importance: *importance,
            };
            index.apply(IndexChange::Put { id, fact });
        }
        index
    }

    #[test]
    fn a_question_states_nothing_and_an_essay_no_more_than_a_paragraph() {
        let index = index(&[
            (0, 0, 0, 0.5),
            (5, ACTOR, 0, 0.5),
            (12, 0, 0, 0.5),
            (40, 0, 0, 0.5),
            (1_000, 0, 0, 0.5),
        ]);
        let plan = plan("");
        let of = |slot| Standing::of(&plan, &index).signals(Signals::default(), slot, 0);
        assert_eq!(of(0).stated, 0.0);
        assert!(of(2).stated > of(1).stated);
        assert_eq!(of(4).stated, of(3).stated);
        assert_eq!((of(1).actor, of(0).actor), (1.0, 0.0));
    }

    #[test]
    fn the_sum_is_that_of_the_signals_without_recency_and_at_most_the_most() {
        let index = index(&[(6, 7, MAY_8, 0.8), (6, 7, MAY_9, 0.8), (60, 8, MAY_8, 1.0), (1, 8, MAY_9, 0.0)]);
        let plan = plan("on 8 May 2023");
        let weights = &plan.weights;
        let mut standing = Standing::of(&plan, &index);
        for slot in 0..4 {
            let sum = standing.sum(weights, slot);
            let signals = standing.signals(Signals::default(), slot, i64::MAX);
            assert!((sum - signals.sum(weights)).abs() < 1e-5, "{slot}");
            assert!(sum <= standing.most(weights) + 1e-5);
        }
        let mut days = [0.0; 3];
        standing.add_days(weights, 1, &mut days);
        assert_eq!(days, [0.0, weights.date, 0.0]);
    }
}
