//! Meaning that a memory shares with its session: neighbours talk about the same thing, often in words that
//! say it more plainly.

use super::length::clarity;
use crate::index::{Index, NONE, Slot};

/// Neighbours that share, on either side.
const NEIGHBOURS: usize = 2;
/// A neighbour shares `0.7 * exp(-distance / 25)` of its cosine, distance in tokens: what was said in another
/// paragraph is another matter.
const SHARED: f32 = 0.7;
const REACH_TOKENS: f32 = 25.0;

/// The slot's cosine and what its neighbours' cosines add; none is below 0. Without a session, its own.
pub(super) fn shared_meaning(index: &Index, cosines: &[f32], slot: Slot) -> f32 {
    let told = |slot: Slot| cosines[slot as usize].max(0.0) * clarity(index.fact(slot).tokens);
    let position = index.fact(slot).position;
    let mut sum = told(slot);
    for step in [Index::before, Index::after] {
        let mut neighbour = step(index, slot);
        for _ in 0..NEIGHBOURS {
            if neighbour == NONE {
                break;
            }
            let distance = index.fact(neighbour).position.abs_diff(position) as f32;
            sum += SHARED * (-distance / REACH_TOKENS).exp() * told(neighbour);
            neighbour = step(index, neighbour);
        }
    }
    sum
}
