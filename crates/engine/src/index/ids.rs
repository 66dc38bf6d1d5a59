//! Ids by slot, ascending: four bytes each as long as they lie within four billion of the first.

use super::Slot;
use crate::memory::MemoryId;

/// The ids.
#[derive(Debug)]
pub(super) enum Ids {
    /// As distances from the first.
    Near { first: MemoryId, distances: Vec<u32> },
    /// As they are.
    Far(Vec<MemoryId>),
}

impl Default for Ids {
    fn default() -> Self {
        Self::Near { first: 0, distances: Vec::new() }
    }
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Near { distances, .. } => distances.len(),
            Self::Far(ids) => ids.len(),
        }
    }

    /// Whether the next one makes it grow.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Near { distances, .. } => distances.len() == distances.capacity(),
            Self::Far(ids) => ids.len() == ids.capacity(),
        }
    }

    pub(super) fn reserve(&mut self, slots: usize) {
        match self {
            Self::Near { distances, .. } => distances.reserve_exact(slots),
            Self::Far(ids) => ids.reserve_exact(slots),
        }
    }

    /// Adds an id greater than all others.
    pub(super) fn push(&mut self, id: MemoryId) {
        match self {
            Self::Near { first, distances } => {
                if distances.is_empty() {
                    *first = id;
                }
                match u32::try_from(id - *first) {
                    Ok(distance) => distances.push(distance),
                    Err(_) => {
                        let near = distances.iter().map(|distance| *first + MemoryId::from(*distance));
                        *self = Self::Far(near.chain([id]).collect());
                    }
                }
            }
            Self::Far(ids) => ids.push(id),
        }
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<MemoryId> {
        match self {
            Self::Near { first, distances } => Some(first + MemoryId::from(*distances.get(at)?)),
            Self::Far(ids) => ids.get(at).copied(),
        }
    }

    pub(super) fn last(&self) -> Option<MemoryId> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The slot of an id.
    pub(super) fn slot(&self, id: MemoryId) -> Option<Slot> {
        // New ids come last, and without deletions slot and id differ by a constant: try that first.
        let guess = self.get(0).and_then(|first| usize::try_from(id - first).ok());
        if let Some(guess) = guess.filter(|at| self.get(*at) == Some(id)) {
            return Slot::try_from(guess).ok();
        }
        let found = match self {
            Self::Near { first, distances } => distances.binary_search(&u32::try_from(id - first).ok()?),
            Self::Far(ids) => ids.binary_search(&id),
        };
        found.ok().and_then(|at| Slot::try_from(at).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ids: &[MemoryId], absent: &[MemoryId]) {
        let mut kept = Ids::default();
        for id in ids {
            kept.push(*id);
        }
        assert_eq!((kept.len(), kept.last()), (ids.len(), ids.last().copied()));
        for (at, id) in ids.iter().enumerate() {
            assert_eq!((kept.get(at), kept.slot(*id)), (Some(*id), Some(at as Slot)), "{id}");
        }
        assert_eq!(kept.get(ids.len()), None);
        for id in absent {
            assert_eq!(kept.slot(*id), None, "{id}");
        }
    }

    #[test]
    fn ids_are_found_across_gaps_however_wide() {
        check(&[], &[0, 1, -1, MemoryId::MAX]);
        check(&[3, 4, 10, 11, 500], &[0, 2, 5, 12, 501, MemoryId::MAX]);
        check(&[7, 7 + (1 << 32) - 1], &[6, 8, 7 + (1 << 32)]);
        check(&[7, 9, 7 + (1 << 32), MemoryId::MAX], &[6, 8, MemoryId::MAX - 1]);
    }
}
