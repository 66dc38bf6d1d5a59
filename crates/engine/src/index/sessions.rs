//! Who stands beside whom: the memories of each session as a chain through the slots, in order of position.

use std::collections::HashMap;

use super::Slot;

/// No neighbour.
pub(crate) const NONE: u32 = u32::MAX;

/// A memory's place in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The session's number, 0 for none.
    pub(crate) session: u32,
    /// Where it starts, in tokens.
    pub(crate) position: u32,
    /// The neighbour one place earlier, or [`NONE`].
    pub(crate) before: Slot,
    /// The neighbour one place later, or [`NONE`].
    pub(crate) after: Slot,
}

/// The places of all slots.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    places: Vec<Place>,
    last: HashMap<u32, Slot>,
}

impl Sessions {
    pub(super) fn place(&self, slot: Slot) -> &Place {
        &self.places[slot as usize]
    }

    pub(super) fn reserve(&mut self, slots: usize) {
        self.places.reserve_exact(slots);
    }

    /// One slot more, in no chain yet.
    pub(super) fn push(&mut self, session: u32, position: u32) {
        self.places.push(Place { session, position, before: NONE, after: NONE });
    }

    /// Puts a slot elsewhere.
    pub(super) fn replace(&mut self, slot: Slot, session: u32, position: u32) {
        let old = self.places[slot as usize].session;
        if old != session {
            self.unlink(slot);
        }
        let place = &mut self.places[slot as usize];
        (place.session, place.position) = (session, position);
        if old != session {
            self.link(slot);
        }
    }

    /// Chains slots that were pushed, whatever their order.
    pub(super) fn link_all(&mut self) {
        let mut order: Vec<Slot> =
            (0..self.places.len() as Slot).filter(|slot| self.place(*slot).session != 0).collect();
        order.sort_by_key(|slot| {
            let place = self.place(*slot);
            (place.session, place.position, *slot)
        });
        for slot in order {
            self.link(slot);
        }
    }

    /// Appends to the end of its session: positions only grow.
    pub(super) fn link(&mut self, slot: Slot) {
        let session = self.places[slot as usize].session;
        if session == 0 {
            return;
        }
        if let Some(last) = self.last.insert(session, slot) {
            self.places[last as usize].after = slot;
            self.places[slot as usize].before = last;
        }
    }

    /// Takes a slot out of its chain; its neighbours become each other's.
    pub(super) fn unlink(&mut self, slot: Slot) {
        let place = &mut self.places[slot as usize];
        let session = place.session;
        let before = std::mem::replace(&mut place.before, NONE);
        let after = std::mem::replace(&mut place.after, NONE);
        if before != NONE {
            self.places[before as usize].after = after;
        }
        if after != NONE {
            self.places[after as usize].before = before;
        } else if self.last.get(&session) == Some(&slot) {
            if before == NONE {
                self.last.remove(&session);
            } else {
                self.last.insert(session, before);
            }
        }
    }
}
