//! A session that answers in several places is likely the one meant: its memories help each other.

use std::collections::HashMap;

use super::rank::Ranked;
use super::weights::Weights;
use crate::index::Index;

/// The others of its session that help a memory: the best three, a missing one counts as nothing, so that a
/// session of one memory is worth no more than no session.
const HELPERS: usize = 3;

/// Fills `session` of every candidate: the mean raw score of the best others of its session.
pub(super) fn help_each_other(index: &Index, ranked: &mut [Ranked], weights: &Weights) {
    if weights.session == 0.0 {
        return;
    }
    let mut sessions: HashMap<u32, Best> = HashMap::new();
    for candidate in ranked.iter() {
        let session = index.fact(candidate.slot).session;
        if session != 0 {
            sessions.entry(session).or_default().add(candidate.raw);
        }
    }
    for candidate in ranked {
        let session = index.fact(candidate.slot).session;
        candidate.signals.session = sessions.get(&session).map_or(0.0, |best| best.without(candidate.raw));
        candidate.raw += candidate.signals.session * weights.session;
    }
}

/// The best scores of one session, best first.
#[derive(Default)]
struct Best([f32; HELPERS + 1]);

impl Best {
    fn add(&mut self, raw: f32) {
        let mut raw = raw;
        for place in &mut self.0 {
            if raw > *place {
                std::mem::swap(place, &mut raw);
            }
        }
    }

    /// Mean of the best ones beside one of `raw`.
    fn without(&self, raw: f32) -> f32 {
        let worst = self.0[HELPERS];
        let first: f32 = self.0[..HELPERS].iter().sum();
        let sum = if raw >= self.0[HELPERS - 1] { first + worst - raw } else { first };
        sum.max(0.0) / HELPERS as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scores: &[f32], of: f32, want: f32) {
        let mut best = Best::default();
        scores.iter().for_each(|score| best.add(*score));
        assert!((best.without(of) - want).abs() < 1e-5, "{scores:?} without {of}");
    }

    #[test]
    fn a_memory_is_helped_by_the_others_of_its_session_only() {
        check(&[9.0], 9.0, 0.0);
        check(&[9.0, 6.0], 6.0, 3.0);
        check(&[9.0, 6.0], 9.0, 2.0);
        check(&[1.0, 9.0, 6.0, 3.0, 2.0], 1.0, 6.0);
        check(&[1.0, 9.0, 6.0, 3.0, 2.0], 9.0, 11.0 / 3.0);
        check(&[5.0, 5.0, 5.0, 5.0], 5.0, 5.0);
    }
}
