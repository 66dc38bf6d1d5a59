//! Meaning that a memory shares with its session: neighbours talk about the same thing, often in words that
//! say it more plainly.

use super::candidates::View;
use super::plan::Plan;
use super::rank::Ranked;
use crate::index::{Index, NONE, Place, Slot};

/// Neighbours that share, on either side.
const NEIGHBOURS: usize = 2;
/// A neighbour shares `0.7 * exp(-distance / 25)` of what its cosine is beyond the mean, distance in tokens: what
/// was said in another paragraph is another matter, and a session all of one matter is no better for it.
const SHARED: f32 = 0.7;
const REACH_TOKENS: f32 = 25.0;

/// Brings `meaning` of every candidate from its own cosine to what it and its neighbours tell together.
pub(super) fn share_meaning(view: View<'_>, mut cosine: impl FnMut(Slot) -> f32, ranked: &mut [Ranked]) {
    let (index, Plan { weights, lengths, .. }) = (view.index, view.plan);
    if weights.meaning == 0.0 {
        return;
    }
    let mut told = |slot: Slot| cosine(slot) * lengths.clarity(index, slot);
    let ordinary =
        ranked.iter().map(|candidate| told(candidate.slot)).sum::<f32>() / ranked.len().max(1) as f32;
    for candidate in ranked {
        candidate.signals.meaning = shared(index, candidate.slot, ordinary, &mut told);
        candidate.raw = candidate.signals.sum(weights);
    }
}

/// What the slot tells, and its neighbours tell beyond `ordinary`. Without a session, its own.
fn shared(index: &Index, slot: Slot, ordinary: f32, mut told: impl FnMut(Slot) -> f32) -> f32 {
    let position = index.place(slot).position;
    let mut sum = told(slot);
    beside(index, slot, |neighbour| {
        let distance = index.place(neighbour).position.abs_diff(position) as f32;
        sum += SHARED * (-distance / REACH_TOKENS).exp() * (told(neighbour) - ordinary).max(0.0);
    });
    sum
}

/// Visits the neighbours that share their meaning with the slot.
pub(super) fn beside(index: &Index, slot: Slot, mut visit: impl FnMut(Slot)) {
    for step in [|place: &Place| place.before, |place: &Place| place.after] {
        let mut neighbour = step(index.place(slot));
        for _ in 0..NEIGHBOURS {
            if neighbour == NONE {
                break;
            }
            visit(neighbour);
            neighbour = step(index.place(neighbour));
        }
    }
}
