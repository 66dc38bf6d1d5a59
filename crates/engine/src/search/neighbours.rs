//! Meaning that a memory shares with its session: neighbours talk about the same thing, often in words that
//! say it more plainly.

use super::length::clarity;
use super::rank::Ranked;
use super::weights::Weights;
use crate::index::{Index, NONE, Slot};

/// Neighbours that share, on either side.
const NEIGHBOURS: usize = 2;
/// A neighbour shares `0.7 * exp(-distance / 25)` of what its cosine is beyond the mean, distance in tokens: what
/// was said in another paragraph is another matter, and a session all of one matter is no better for it.
const SHARED: f32 = 0.7;
const REACH_TOKENS: f32 = 25.0;

/// Brings `meaning` of every candidate from its own cosine to what it and its neighbours tell together.
pub(super) fn share_meaning(index: &Index, cosines: &[f32], ranked: &mut [Ranked], weights: &Weights) {
    let told = |slot: Slot| cosines[slot as usize].max(0.0) * clarity(index.fact(slot).tokens);
    let ordinary =
        ranked.iter().map(|candidate| told(candidate.slot)).sum::<f32>() / ranked.len().max(1) as f32;
    for candidate in ranked {
        candidate.signals.meaning = shared(index, candidate.slot, ordinary, told);
        candidate.raw = candidate.signals.sum(weights);
    }
}

/// What the slot tells, and its neighbours tell beyond `ordinary`. Without a session, its own.
fn shared(index: &Index, slot: Slot, ordinary: f32, told: impl Fn(Slot) -> f32) -> f32 {
    let position = index.fact(slot).position;
    let mut sum = told(slot);
    for step in [Index::before, Index::after] {
        let mut neighbour = step(index, slot);
        for _ in 0..NEIGHBOURS {
            if neighbour == NONE {
                break;
            }
            let distance = index.fact(neighbour).position.abs_diff(position) as f32;
            sum += SHARED * (-distance / REACH_TOKENS).exp() * (told(neighbour) - ordinary).max(0.0);
            neighbour = step(index, neighbour);
        }
    }
    sum
}
