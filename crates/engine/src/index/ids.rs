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
    #[inline]
    pub(super) fn slot(&self, id: MemoryId) -> Option<Slot> {
        match self {
            Self::Near { first, distances } => {
                slot_in(distances, u32::try_from(id.checked_sub(*first)?).ok()?)
            }
            Self::Far(ids) => ids.binary_search(&id).ok().and_then(|at| Slot::try_from(at).ok()),
        }
    }
}

/// Where `distance` is. Each gap between ids puts what comes after it one place nearer to the start than its distance
/// says, so without gaps nothing is looked up, and with few of them little.
#[inline]
fn slot_in(distances: &[u32], distance: u32) -> Option<Slot> {
    let last_place = Slot::try_from(distances.len()).ok()?.checked_sub(1)?;
    let gaps = distances.last()? - last_place;
    if gaps == 0 {
        return (distance <= last_place).then_some(distance);
    }
    let (nearest, farthest) = (distance.saturating_sub(gaps), distance.min(last_place));
    let within = distances.get(nearest as usize..=farthest as usize)?;
    within.binary_search(&distance).ok().map(|at| nearest + at as Slot)
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
        check(&[7, 8], &[MemoryId::MIN, MemoryId::MAX]);
    }
}
