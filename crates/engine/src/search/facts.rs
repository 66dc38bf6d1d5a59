//! The signals of a memory that its own facts give: how much it states, whose it is, when it was.

use super::plan::Plan;
use super::weights::{STATED_MAX, Signals};
use crate::index::Fact;

/// A memory's recency halves in this many days.
const RECENCY_HALF_LIFE_DAYS: f32 = 30.0;
const MS_PER_DAY: f32 = 86_400_000.0;

/// Adds the signals of `fact` to those of words and meaning.
pub(super) fn with_facts(signals: Signals, fact: &Fact, plan: &Plan, now_ms: i64) -> Signals {
    let yes = |is: bool| f32::from(u8::from(is));
    let age_days = ((now_ms - fact.at_ms) as f32 / MS_PER_DAY).max(0.0);
    Signals {
        stated: (fact.stated as f32).ln_1p().min(STATED_MAX),
        actor: yes(plan.actors.contains(&fact.actor)),
        date: yes(plan.dates.iter().any(|cue| cue.matches(fact.at_ms))),
        importance: fact.importance - 0.5,
        recency: (-age_days / RECENCY_HALF_LIFE_DAYS).exp2(),
        ..signals
    }
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
        let of = |stated, actor| {
            let fact = Fact {
                tokens: stated,
                stated,
                session: 0,
                position: 0,
                actor,
                at_ms: 0,
                expires_ms: i64::MAX,
                importance: 0.5,
            };
            with_facts(Signals::default(), &fact, &plan, 0)
        };
        assert_eq!(of(0, 0).stated, 0.0);
        assert!(of(12, 0).stated > of(5, 0).stated);
        assert_eq!(of(1_000, 0).stated, of(40, 0).stated);
        assert_eq!((of(1, 7).actor, of(1, 0).actor), (1.0, 0.0));
    }
}
