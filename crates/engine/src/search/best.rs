//! The best of very many, in no order: what is worse than the worst kept is not even put in.

use crate::index::Slot;

/// The best `keep` slots so far. Of equal sums the newer slot is the better one.
pub(super) struct Best {
    keep: usize,
    /// Sum and slot of the worst that is kept, once `keep` were found.
    worst: (f32, Slot),
    found: Vec<(f32, Slot)>,
}

impl Best {
    pub(super) fn new(keep: usize) -> Self {
        Self { keep, worst: (f32::NEG_INFINITY, 0), found: Vec::new() }
    }

    /// A sum below this is not among the best.
    #[inline]
    pub(super) fn floor(&self) -> f32 {
        self.worst.0
    }

    pub(super) fn add(&mut self, sum: f32, slot: Slot) {
        if sum > self.worst.0 || (sum == self.worst.0 && slot > self.worst.1) {
            self.found.push((sum, slot));
            if self.found.len() >= self.keep * 2 {
                self.cut();
            }
        }
    }

    /// The best, leaving none.
    pub(super) fn take(&mut self) -> Vec<(f32, Slot)> {
        self.cut();
        std::mem::take(&mut self.found)
    }

    fn cut(&mut self) {
        if self.found.len() > self.keep {
            let best_first = |(a, x): &(f32, Slot), (b, y): &(f32, Slot)| b.total_cmp(a).then(y.cmp(x));
            self.worst = *self.found.select_nth_unstable_by(self.keep - 1, best_first).1;
            self.found.truncate(self.keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_and_the_newer_of_equals() {
        let mut best = Best::new(3);
        for (sum, slot) in [(1.0, 0), (5.0, 1), (2.0, 2), (5.0, 3), (0.5, 4), (2.0, 5), (2.0, 6)] {
            best.add(sum, slot);
        }
        let mut found = best.take();
        found.sort_by_key(|(_, slot)| *slot);
        assert_eq!(found, [(5.0, 1), (5.0, 3), (2.0, 6)]);
        assert!(best.take().is_empty());
    }
}
