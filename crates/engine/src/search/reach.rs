//! What very many memories have, added up for many at once and roughly: whoever stays below the worst that is kept need
//! not be looked at.

use std::f32::consts::{FRAC_PI_2, PI};

use super::weights::{STATED_MAX, Weights};
use crate::index::{GlancesFrom, IMPORTANCE_GLANCE, STATED_GLANCE};

/// What is added up, each for the same memories in a row.
pub(super) struct Parts<'a> {
    /// What their words are worth.
    pub(super) words: &'a [f32],
    /// In how many components their signs differ from the query's.
    pub(super) differing: &'a [u16],
    /// Components of a vector; 0 where the query has none.
    pub(super) dimensions: usize,
    pub(super) glances: GlancesFrom<'a>,
    /// Numbers of who said them, and, ascending, of those whom the query names.
    pub(super) actors: &'a [u32],
    pub(super) asked: &'a [u32],
}

/// Fills `sums`: all but what the day adds, as if no memory were long.
pub(super) fn add_up(parts: &Parts<'_>, weights: &Weights, sums: &mut Vec<f32>) {
    sums.clear();
    sums.resize(parts.words.len(), 0.0);
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, which is all the function needs.
        return unsafe { add_up_avx2(parts, weights, sums) };
    }
    add_up_portable(parts, weights, sums);
}

/// # Safety
/// The processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn add_up_avx2(parts: &Parts<'_>, weights: &Weights, sums: &mut [f32]) {
    add_up_portable(parts, weights, sums);
}

/// Loops that the compiler makes wide.
#[inline(always)]
fn add_up_portable(parts: &Parts<'_>, weights: &Weights, sums: &mut [f32]) {
    // Half a turn is all signs different.
    let (turn, meaning) = match parts.dimensions {
        0 => (0.0, 0.0),
        dimensions => (PI / dimensions as f32, weights.meaning),
    };
    let glances = parts.glances.stated.iter().zip(parts.glances.importance);
    let all = sums.iter_mut().zip(parts.words).zip(parts.differing).zip(glances);
    for (((sum, words), differing), (stated, importance)) in all {
        let facts = (f32::from(*stated) * STATED_GLANCE).min(STATED_MAX) * weights.stated
            + (f32::from(*importance) * IMPORTANCE_GLANCE - 0.5) * weights.importance;
        *sum = words + cosine(f32::from(*differing) * turn) * meaning + facts;
    }
    let of_actor = |is_asked: bool| if is_asked { weights.actor } else { 0.0 };
    match parts.asked {
        [] => {}
        [asked] => {
            for (sum, actor) in sums.iter_mut().zip(parts.actors) {
                *sum += of_actor(actor == asked);
            }
        }
        many => {
            for (sum, actor) in sums.iter_mut().zip(parts.actors) {
                *sum += of_actor(many.binary_search(actor).is_ok());
            }
        }
    }
}

/// The cosine of an angle, and 0 beyond a right one; within 0.0001 by the first terms of its series.
#[inline(always)]
fn cosine(angle: f32) -> f32 {
    let square = angle * angle;
    let series = 1.0 + square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square / 40_320.0)));
    if angle < FRAC_PI_2 { series.max(0.0) } else { 0.0 }
}

/// Whether one of them is at least so much; all are compared, because hardly ever one is.
pub(super) fn reaches(values: &[f32], least: f32) -> bool {
    values.iter().filter(|value| **value >= least).count() > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Writing;
    use crate::query::Ranking;
    use crate::search::meaning::estimates;

    #[test]
    fn everything_is_added_up_at_every_length() {
        let weights = &Weights::of(Ranking::Hybrid, Writing::Words, true);
        for (length, asked) in
            [(0, vec![3]), (1, vec![]), (7, vec![3]), (8, vec![1, 3]), (33, vec![]), (1_000, vec![3, 4])]
        {
            let numbers = |step: usize, below: usize| (0..length).map(move |at| at * step % below);
            let words: Vec<f32> = numbers(7, 50).map(|number| number as f32 / 10.0).collect();
            let differing: Vec<u16> = numbers(37, 257).map(|number| number as u16).collect();
            let meanings = estimates(256);
            let (stated, importance): (Vec<u8>, Vec<u8>) =
                (numbers(91, 256).map(|n| n as u8).collect(), numbers(13, 256).map(|n| n as u8).collect());
            let actors: Vec<u32> = numbers(1, 5).map(|number| number as u32).collect();
            let parts = Parts {
                words: &words,
                differing: &differing,
                dimensions: 256,
                glances: GlancesFrom { stated: &stated, importance: &importance },
                actors: &actors,
                asked: &asked,
            };
            let (mut sums, mut plain) = (Vec::new(), vec![0.0; length]);
            add_up(&parts, weights, &mut sums);
            add_up_portable(&parts, weights, &mut plain);
            assert_eq!(sums.len(), length);
            for at in 0..length {
                let stated = (f32::from(stated[at]) / 64.0).min(STATED_MAX) * weights.stated;
                let importance = (f32::from(importance[at]) / 255.0 - 0.5) * weights.importance;
                let actor = if asked.contains(&actors[at]) { weights.actor } else { 0.0 };
                let want = words[at]
                    + meanings[usize::from(differing[at])] * weights.meaning
                    + stated
                    + importance
                    + actor;
                assert!(
                    (sums[at] - want).abs() < 1e-3 && (plain[at] - want).abs() < 1e-3,
                    "{at} of {length}"
                );
            }
        }
    }

    #[test]
    fn one_that_is_greater_is_seen_anywhere() {
        for at in [0, 5, 31] {
            let mut values = [1.0; 32];
            values[at] = 2.0;
            assert!(reaches(&values, 2.0) && !reaches(&values, 2.1));
        }
    }
}
