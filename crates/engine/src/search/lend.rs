//! Hits lent within a session: a question's words are often in the turn before the answer.

use std::sync::LazyLock;

use super::scratch::Words;
use crate::index::{Index, NONE, Place, Slot};

/// A hit in an earlier memory of the session counts `exp(-distance / 65)`, distance in tokens.
const TOKENS_BACKWARD: f32 = 65.0;
/// The same for a hit in a later memory.
const TOKENS_FORWARD: f32 = 35.0;
/// Borrowed hits weaker than this are not worth the walk.
const BORROWED_MIN: f32 = 0.05;

/// Lends a hit to the neighbours in the session, the weaker the farther they are.
pub(super) fn lend(index: &Index, slot: Slot, found: &mut Words) {
    walk(index, slot, |neighbour, hit| {
        // Beyond a memory that holds the term itself, that one's own hit is nearer and lends more.
        let goes_on = found.hit(neighbour) < 1.0;
        if goes_on {
            found.raise(neighbour, hit);
        }
        goes_on
    });
}

/// Visits the neighbours in the session to which a hit could be lent.
pub(super) fn within_reach(index: &Index, slot: Slot, mut visit: impl FnMut(Slot)) {
    walk(index, slot, |neighbour, _| {
        visit(neighbour);
        true
    });
}

/// Visits the neighbours on either side and what a hit is worth there, until `visit` says that a side is done.
fn walk(index: &Index, from: Slot, mut visit: impl FnMut(Slot, f32) -> bool) {
    let position = index.place(from).position;
    let mut walk = |step: fn(&Place) -> Slot, lent: &[f32]| {
        let mut neighbour = step(index.place(from));
        // As many as there are distances: memories without a word all stand in one place.
        for _ in lent {
            if neighbour == NONE {
                break;
            }
            let place = index.place(neighbour);
            let Some(hit) = lent.get(place.position.abs_diff(position) as usize) else { break };
            if !visit(neighbour, *hit) {
                break;
            }
            neighbour = step(place);
        }
    };
    walk(|place| place.after, &LENT_BACKWARD);
    walk(|place| place.before, &LENT_FORWARD);
}

/// `exp(-distance / reach)` by distance in tokens, as far as it is worth the walk.
fn decay(reach: f32) -> Vec<f32> {
    let farthest = (-reach * BORROWED_MIN.ln()) as usize;
    // Below 1 even at no distance: 1 is a hit of one's own.
    let below_1 = 1.0 - f32::EPSILON;
    (0..=farthest).map(|distance| (-(distance as f32) / reach).exp().min(below_1)).collect()
}

static LENT_BACKWARD: LazyLock<Vec<f32>> = LazyLock::new(|| decay(TOKENS_BACKWARD));
static LENT_FORWARD: LazyLock<Vec<f32>> = LazyLock::new(|| decay(TOKENS_FORWARD));
