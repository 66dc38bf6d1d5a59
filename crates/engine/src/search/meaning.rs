//! Cosines with the query: exact ones where they count, and an estimate of all from one bit a component.

use std::f32::consts::PI;

use crate::index::Slot;

/// Exact cosines of one search of a whole store, each computed when it is first asked for.
#[derive(Default)]
pub(super) struct Cosines {
    /// NaN where it was not asked for yet; empty where nothing is remembered.
    by_slot: Vec<f32>,
    asked: Vec<Slot>,
    /// In how many components each slot's sign differs from the query's.
    pub(super) differing: Vec<u16>,
}

impl Cosines {
    pub(super) fn fit(&mut self, slots: usize) {
        self.by_slot.resize(slots, f32::NAN);
    }

    pub(super) fn clear(&mut self) {
        for slot in self.asked.drain(..) {
            self.by_slot[slot as usize] = f32::NAN;
        }
    }

    /// The slot's cosine, from `compute` the first time.
    pub(super) fn of(&mut self, slot: Slot, compute: impl FnOnce() -> f32) -> f32 {
        let Some(known) = self.by_slot.get_mut(slot as usize) else { return compute() };
        if known.is_nan() {
            *known = compute();
            self.asked.push(slot);
        }
        *known
    }
}

/// The cosine that goes with each number of differing signs. The angle between two vectors is as likely to be cut
/// by a random plane as it is wide, so the share of differing signs is angle / pi; the estimate is off by 0.1
/// either way (256 components). Source: M. Charikar, "Similarity estimation techniques from rounding algorithms", 2002.
pub(super) fn estimates(dimensions: usize) -> Vec<f32> {
    (0..=dimensions).map(|differing| (PI * differing as f32 / dimensions as f32).cos().max(0.0)).collect()
}

/// The fewest differing signs that at least `wanted` slots do not exceed, and no estimate of 0.
pub(super) fn nearest(differing: &[u16], dimensions: usize, wanted: usize) -> u16 {
    let mut counts = vec![0usize; dimensions + 1];
    for differing in differing {
        counts[usize::from(*differing)] += 1;
    }
    let mut seen = 0;
    let reached = counts.iter().take(dimensions.div_ceil(2)).position(|count| {
        seen += count;
        seen >= wanted
    });
    reached.unwrap_or((dimensions / 2).saturating_sub(1)) as u16
}

/// A cosine that about `wanted` of these reach, from a histogram: two passes instead of a sort.
pub(super) fn reached_by(cosines: impl Iterator<Item = f32>, wanted: usize) -> f32 {
    const BUCKETS: usize = 512;
    let bucket = |cosine: f32| ((cosine.clamp(0.0, 1.0) * (BUCKETS - 1) as f32) as usize).min(BUCKETS - 1);
    let mut counts = [0usize; BUCKETS];
    for cosine in cosines {
        counts[bucket(cosine)] += 1;
    }
    let mut seen = 0;
    for at in (1..BUCKETS).rev() {
        seen += counts[at];
        if seen >= wanted {
            return at as f32 / (BUCKETS - 1) as f32;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_finds_a_cosine_that_enough_slots_reach() {
        let cosines: Vec<f32> = (0..1_000).map(|i| i as f32 / 1_000.0).collect();
        let threshold = reached_by(cosines.iter().copied(), 100);
        let reached = cosines.iter().filter(|c| **c >= threshold).count();
        assert!((100..=104).contains(&reached), "{reached}");
    }

    #[test]
    fn estimates_fall_from_1_to_0_at_a_right_angle() {
        let estimates = estimates(256);
        assert_eq!((estimates[0], estimates[256]), (1.0, 0.0));
        assert!(estimates[128] < 1e-6 && (estimates[64] - 0.707).abs() < 1e-3);
        assert!(estimates.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn the_nearest_are_few_and_never_beyond_a_right_angle() {
        let differing: Vec<u16> = (0..1_000).map(|i| 100 + i % 50).collect();
        assert_eq!(nearest(&differing, 256, 100), 104);
        assert_eq!(nearest(&differing, 256, 10_000), 127);
        assert_eq!(nearest(&[], 3, 1), 0);
    }
}
