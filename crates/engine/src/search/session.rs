//! A passage that answers in several places is likely the one meant: memories near each other in a session help
//! each other. Only what they have beyond the ordinary counts, so that to have a session is no advantage in itself.

use super::rank::Ranked;
use super::weights::Weights;
use crate::index::Index;

/// How many help: the best others of the passage; a missing one counts as nothing.
const HELPERS: usize = 3;
/// How far a passage reaches on either side. A session of a usual length is one passage; one that never ends is
/// many, and what was said weeks ago does not help.
const PASSAGE_TOKENS: u32 = 600;

/// Fills `session` of every candidate: by how much the best others of its passage exceed the mean candidate.
pub(super) fn help_each_other(index: &Index, ranked: &mut [Ranked], weights: &Weights) {
    if weights.session == 0.0 || ranked.is_empty() {
        return;
    }
    let ordinary = ranked.iter().map(|candidate| candidate.raw).sum::<f32>() / ranked.len() as f32;
    let mut told: Vec<Told> = (0..)
        .zip(ranked.iter())
        .map(|(candidate, Ranked { slot, raw, .. })| {
            let place = index.place(*slot);
            Told { session: place.session, position: place.position, candidate, beyond: raw - ordinary }
        })
        .collect();
    told.sort_unstable_by_key(|told| {
        (u64::from(told.session) << 32 | u64::from(told.position), told.candidate)
    });
    for (told, help) in told.iter().zip(help(&told)) {
        let candidate = &mut ranked[told.candidate as usize];
        candidate.signals.session = help;
        candidate.raw += help * weights.session;
    }
}

/// One candidate, in the order of its session.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// 0 for none.
    session: u32,
    position: u32,
    /// Where it is among the candidates.
    candidate: u32,
    /// What its score exceeds the mean by.
    beyond: f32,
}

impl Told {
    /// Whether the other is of the same passage.
    fn reaches(&self, other: &Self) -> bool {
        other.session == self.session && other.position.abs_diff(self.position) <= PASSAGE_TOKENS
    }

    /// Whether the other's passage ends before this one's begins.
    fn is_past(&self, other: &Self) -> bool {
        (other.session, other.position) < (self.session, self.position) && !self.reaches(other)
    }
}

/// What each candidate gets from the others of its passage. Only those beyond the mean can help.
fn help(told: &[Told]) -> Vec<f32> {
    let helpers: Vec<(usize, &Told)> =
        told.iter().enumerate().filter(|(_, other)| other.beyond > 0.0).collect();
    let mut help = Vec::with_capacity(told.len());
    let mut first = 0;
    for (at, this) in told.iter().enumerate() {
        let mut best = [0f32; HELPERS];
        if this.session != 0 {
            first += helpers[first..].iter().take_while(|(_, other)| this.is_past(other)).count();
            let passage = helpers[first..].iter().take_while(|(_, other)| this.reaches(other));
            for (_, other) in passage.filter(|(other, _)| *other != at) {
                insert(&mut best, other.beyond);
            }
        }
        help.push(best.iter().sum::<f32>() / HELPERS as f32);
    }
    help
}

/// Keeps the best, best first.
fn insert(best: &mut [f32; HELPERS], score: f32) {
    let mut score = score;
    for place in best {
        if score > *place {
            std::mem::swap(place, &mut score);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions, positions and scores beyond the mean; and the help each gets.
    fn check(told: &[(u32, u32, f32)], want: &[f32]) {
        let told: Vec<_> = told
            .iter()
            .map(|(session, position, beyond)| Told {
                session: *session,
                position: *position,
                candidate: 0,
                beyond: *beyond,
            })
            .collect();
        for (found, want) in help(&told).iter().zip(want) {
            assert!((found - want).abs() < 1e-5, "{told:?}: {found} for {want}");
        }
    }

    #[test]
    fn a_memory_is_helped_by_the_best_others_of_its_session() {
        check(&[(1, 0, 9.0)], &[0.0]);
        check(&[(0, 0, 9.0), (0, 0, 6.0)], &[0.0, 0.0]);
        check(&[(1, 0, 9.0), (1, 10, 6.0), (2, 0, 3.0)], &[2.0, 3.0, 0.0]);
        check(
            &[(1, 0, 1.0), (1, 1, 9.0), (1, 2, 6.0), (1, 3, 3.0), (1, 4, 2.0)],
            &[6.0, 11.0 / 3.0, 14.0 / 3.0, 17.0 / 3.0, 6.0],
        );
    }

    #[test]
    fn what_is_worse_than_the_mean_does_no_harm() {
        check(&[(1, 0, 9.0), (1, 10, -6.0)], &[0.0, 3.0]);
    }

    #[test]
    fn a_session_that_never_ends_is_many_passages() {
        check(&[(1, 0, 9.0), (1, 600, 3.0), (1, 1_201, 6.0)], &[1.0, 3.0, 0.0]);
    }
}
