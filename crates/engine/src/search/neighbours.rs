//! Meaning that a memory shares with its session: neighbours talk about the same thing, often in words that
//! say it more plainly.

use crate::index::{Index, NONE, Slot};

/// What the cosine of a neighbour one place away, and of one two places away, adds.
const NEIGHBOUR_SHARES: [f32; 2] = [0.3, 0.09];

/// The slot's cosine and what its neighbours' cosines add; none is below 0. Without a session, its own.
pub(super) fn shared_meaning(index: &Index, cosines: &[f32], slot: Slot) -> f32 {
    let cosine = |slot: Slot| cosines[slot as usize].max(0.0);
    let mut sum = cosine(slot);
    for step in [Index::before, Index::after] {
        let mut neighbour = slot;
        for share in NEIGHBOUR_SHARES {
            neighbour = step(index, neighbour);
            if neighbour == NONE {
                break;
            }
            sum += share * cosine(neighbour);
        }
    }
    sum
}
