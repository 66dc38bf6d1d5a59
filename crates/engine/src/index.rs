//! What ranking needs of every memory, in RAM while a store is hot: facts and int8 vectors by slot.
//! Loaded from the file on the first search, kept true by the writer after each commit, never the truth.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::error::EngineError;
use crate::memory::MemoryId;
use crate::vector::{Quantized, dot, split_bytes};

/// Slots of one block of vectors. The first grows with the store, so that a small one takes little; the others are
/// made whole and never move, so growing copies nothing.
const SLOTS_PER_BLOCK: usize = 4_096;
/// No neighbour.
pub(crate) const NONE: u32 = u32::MAX;

/// A memory's place in the arrays. Slots are in order of ids.
pub(crate) type Slot = u32;

/// What ranking knows of one memory beside its words and its vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fact {
    /// Words of the content.
    pub(crate) tokens: u32,
    /// Words of the content outside questions.
    pub(crate) stated: u32,
    /// Its session's number, 0 for none.
    pub(crate) session: u32,
    /// Where it starts in its session, in tokens.
    pub(crate) position: u32,
    /// Its actor's number, 0 for none.
    pub(crate) actor: u32,
    /// Event time, else when it was stored; milliseconds.
    pub(crate) at_ms: i64,
    /// When it stops existing; `i64::MAX` for never.
    pub(crate) expires_ms: i64,
    /// 0 to 1.
    pub(crate) importance: f32,
}

/// What a committed write changes.
#[derive(Debug, Clone)]
pub(crate) enum IndexChange {
    /// The memory is new or its facts have changed.
    Put { id: MemoryId, fact: Fact },
    /// The memory has a vector now, or none any more.
    Vector { id: MemoryId, model_id: i64, vector: Option<Quantized> },
    /// The memory is gone.
    Remove { id: MemoryId },
    /// An actor got a number.
    Actor { number: u32, name: String },
}

/// The arrays. `model_id` says whose vectors they hold; others are left out, never mixed.
#[derive(Debug)]
pub(crate) struct Index {
    model_id: Option<i64>,
    dimensions: usize,
    ids: Vec<MemoryId>,
    facts: Vec<Fact>,
    /// Neighbours within the session, by position.
    before: Vec<Slot>,
    after: Vec<Slot>,
    live: Vec<bool>,
    live_count: usize,
    tokens_total: u64,
    last_of_session: HashMap<u32, Slot>,
    scales: Vec<f32>,
    blocks: Vec<Vec<i8>>,
    /// Actors by each folded word of their names.
    actors: HashMap<String, Vec<u32>>,
}

impl Index {
    /// Reads everything at once, in one snapshot.
    pub(crate) fn load(connection: &Connection, model: Option<(i64, usize)>) -> Result<Self, EngineError> {
        let transaction = connection.unchecked_transaction()?;
        let mut index = Self::empty(model);
        let mut facts = transaction.prepare_cached(
            "SELECT memory_id, tokens, session, position, actor, at, expires_at, importance, stated FROM fact \
             ORDER BY memory_id",
        )?;
        let mut rows = facts.query([])?;
        while let Some(row) = rows.next()? {
            let fact = Fact {
                tokens: row.get(1)?,
                session: row.get(2)?,
                position: row.get(3)?,
                actor: row.get(4)?,
                at_ms: row.get(5)?,
                expires_ms: row.get::<_, Option<i64>>(6)?.unwrap_or(i64::MAX),
                importance: row.get(7)?,
                stated: row.get(8)?,
            };
            index.push(row.get(0)?, fact);
        }
        index.link_sessions();
        let mut actors = transaction.prepare_cached("SELECT id, name FROM actor")?;
        let mut rows = actors.query([])?;
        while let Some(row) = rows.next()? {
            index.name_actor(row.get(0)?, &row.get::<_, String>(1)?);
        }
        if let Some((model_id, _)) = model {
            let mut vectors = transaction
                .prepare_cached("SELECT memory_id, code FROM vector WHERE model_id = ? ORDER BY memory_id")?;
            let mut rows = vectors.query([model_id])?;
            while let Some(row) = rows.next()? {
                let (id, code) = (row.get(0)?, row.get_ref(1)?.as_blob().unwrap_or_default());
                if let (Some(slot), Some((scale, codes))) = (index.slot(id), split_bytes(code)) {
                    index.set_vector(slot, scale, codes.iter().map(|c| c.cast_signed()));
                }
            }
        }
        Ok(index)
    }

    fn empty(model: Option<(i64, usize)>) -> Self {
        Self {
            model_id: model.map(|(id, _)| id),
            dimensions: model.map_or(0, |(_, dimensions)| dimensions),
            ids: Vec::new(),
            facts: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            live: Vec::new(),
            live_count: 0,
            tokens_total: 0,
            last_of_session: HashMap::new(),
            scales: Vec::new(),
            blocks: Vec::new(),
            actors: HashMap::new(),
        }
    }

    /// Applies what a commit changed. Doing it twice is the same as once.
    pub(crate) fn apply(&mut self, change: IndexChange) {
        match change {
            IndexChange::Put { id, fact } => match self.slot(id) {
                Some(slot) => self.replace(slot, fact),
                None if self.ids.last().is_none_or(|last| *last < id) => {
                    let slot = self.push(id, fact);
                    self.link(slot);
                }
                // Ids only grow, so a smaller unknown one was removed by a later commit already seen.
                None => {}
            },
            IndexChange::Vector { id, model_id, vector } => {
                if let (Some(slot), true) = (self.slot(id), self.model_id == Some(model_id)) {
                    match vector {
                        Some(v) if v.codes.len() == self.dimensions => {
                            self.set_vector(slot, v.scale, v.codes.into_iter());
                        }
                        Some(_) | None => self.scales[slot as usize] = 0.0,
                    }
                }
            }
            IndexChange::Remove { id } => {
                if let Some(slot) = self.slot(id) {
                    self.remove(slot);
                }
            }
            IndexChange::Actor { number, name } => self.name_actor(number, &name),
        }
    }

    /// Slots there are, dead ones included; arrays of a search have this length.
    pub(crate) fn slots(&self) -> usize {
        self.ids.len()
    }

    /// Memories that are alive (expired ones count until they are purged).
    pub(crate) fn live_count(&self) -> usize {
        self.live_count
    }

    /// Mean words of a memory; 1 for an empty store.
    pub(crate) fn mean_tokens(&self) -> f32 {
        (self.tokens_total as f32 / self.live_count.max(1) as f32).max(1.0)
    }

    pub(crate) fn model_id(&self) -> Option<i64> {
        self.model_id
    }

    pub(crate) fn id(&self, slot: Slot) -> MemoryId {
        self.ids[slot as usize]
    }

    pub(crate) fn fact(&self, slot: Slot) -> &Fact {
        &self.facts[slot as usize]
    }

    pub(crate) fn is_live(&self, slot: Slot, now_ms: i64) -> bool {
        self.live[slot as usize] && self.facts[slot as usize].expires_ms > now_ms
    }

    /// The neighbour one place earlier in the session, or [`NONE`].
    pub(crate) fn before(&self, slot: Slot) -> Slot {
        self.before[slot as usize]
    }

    /// The neighbour one place later in the session, or [`NONE`].
    pub(crate) fn after(&self, slot: Slot) -> Slot {
        self.after[slot as usize]
    }

    /// Numbers of the actors that have this folded word in their names.
    pub(crate) fn actors_named(&self, word: &str) -> &[u32] {
        self.actors.get(word).map_or(&[], Vec::as_slice)
    }

    /// The slot of a memory.
    pub(crate) fn slot(&self, id: MemoryId) -> Option<Slot> {
        // New ids come last, and without deletions slot and id differ by a constant: try that first.
        let guess = self.ids.first().and_then(|first| usize::try_from(id - first).ok());
        if let Some(guess) = guess.filter(|at| self.ids.get(*at) == Some(&id)) {
            return Slot::try_from(guess).ok();
        }
        self.ids.binary_search(&id).ok().and_then(|at| Slot::try_from(at).ok())
    }

    /// Slots of ids that come in ascending order, such as postings.
    pub(crate) fn slots_of<'a>(&'a self, ids: &'a [MemoryId]) -> impl Iterator<Item = Slot> + 'a {
        let mut from = 0usize;
        ids.iter().filter_map(move |id| {
            // Gallop: postings are ascending, so the next slot is near the last one.
            let mut step = 1;
            while from + step < self.ids.len() && self.ids[from + step] < *id {
                step *= 2;
            }
            let end = (from + step + 1).min(self.ids.len());
            let found = self.ids.get(from..end)?.binary_search(id);
            match found {
                Ok(at) => {
                    from += at;
                    Slot::try_from(from).ok()
                }
                Err(at) => {
                    from += at;
                    None
                }
            }
        })
    }

    /// Cosine of `query` with every slot's vector; 0 where there is none.
    pub(crate) fn cosines(&self, query: &Quantized, out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.slots(), 0.0);
        if query.codes.len() != self.dimensions || self.dimensions == 0 {
            return;
        }
        for (block, (scales, cosines)) in
            self.blocks.iter().zip(self.scales.chunks(SLOTS_PER_BLOCK).zip(out.chunks_mut(SLOTS_PER_BLOCK)))
        {
            let rows = block.chunks_exact(self.dimensions);
            for ((codes, scale), cosine) in rows.zip(scales).zip(cosines) {
                *cosine = dot(&query.codes, codes) as f32 * scale * query.scale;
            }
        }
    }

    /// The slot's vector: its scale and its codes; `None` where there is none.
    pub(crate) fn vector(&self, slot: Slot) -> Option<(f32, &[i8])> {
        let scale = self.scales[slot as usize];
        let (block, row) = (slot as usize / SLOTS_PER_BLOCK, slot as usize % SLOTS_PER_BLOCK);
        (scale > 0.0)
            .then(|| (scale, &self.blocks[block][row * self.dimensions..(row + 1) * self.dimensions]))
    }

    fn push(&mut self, id: MemoryId, fact: Fact) -> Slot {
        let slot = self.ids.len() as Slot;
        self.ids.push(id);
        self.tokens_total += u64::from(fact.tokens);
        self.facts.push(fact);
        self.before.push(NONE);
        self.after.push(NONE);
        self.live.push(true);
        self.live_count += 1;
        self.scales.push(0.0);
        if self.dimensions > 0 {
            self.make_room_for_vector();
        }
        slot
    }

    fn make_room_for_vector(&mut self) {
        let whole = SLOTS_PER_BLOCK * self.dimensions;
        match self.blocks.last_mut() {
            Some(block) if block.len() < whole => block.resize(block.len() + self.dimensions, 0),
            last => {
                let mut block = Vec::with_capacity(if last.is_none() { self.dimensions } else { whole });
                block.resize(self.dimensions, 0);
                self.blocks.push(block);
            }
        }
    }

    fn replace(&mut self, slot: Slot, fact: Fact) {
        let old = self.facts[slot as usize];
        self.tokens_total = self.tokens_total + u64::from(fact.tokens) - u64::from(old.tokens);
        self.facts[slot as usize] = fact;
        if old.session != fact.session {
            self.facts[slot as usize].session = old.session;
            self.unlink(slot);
            self.facts[slot as usize] = fact;
            self.link(slot);
        }
    }

    fn remove(&mut self, slot: Slot) {
        if std::mem::replace(&mut self.live[slot as usize], false) {
            self.live_count -= 1;
            self.tokens_total -= u64::from(self.facts[slot as usize].tokens);
            self.scales[slot as usize] = 0.0;
            self.unlink(slot);
        }
    }

    fn link_sessions(&mut self) {
        let mut order: Vec<Slot> =
            (0..self.ids.len() as Slot).filter(|slot| self.facts[*slot as usize].session != 0).collect();
        order.sort_by_key(|slot| {
            let fact = &self.facts[*slot as usize];
            (fact.session, fact.position, *slot)
        });
        for slot in order {
            self.link(slot);
        }
    }

    /// Appends to the end of its session: positions only grow.
    fn link(&mut self, slot: Slot) {
        let session = self.facts[slot as usize].session;
        if session == 0 {
            return;
        }
        if let Some(last) = self.last_of_session.insert(session, slot) {
            self.after[last as usize] = slot;
            self.before[slot as usize] = last;
        }
    }

    fn unlink(&mut self, slot: Slot) {
        let session = self.facts[slot as usize].session;
        let before = std::mem::replace(&mut self.before[slot as usize], NONE);
        let after = std::mem::replace(&mut self.after[slot as usize], NONE);
        if before != NONE {
            self.after[before as usize] = after;
        }
        if after != NONE {
            self.before[after as usize] = before;
        } else if self.last_of_session.get(&session) == Some(&slot) {
            if before == NONE {
                self.last_of_session.remove(&session);
            } else {
                self.last_of_session.insert(session, before);
            }
        }
    }

    fn set_vector(&mut self, slot: Slot, scale: f32, codes: impl Iterator<Item = i8>) {
        let (block, row) = (slot as usize / SLOTS_PER_BLOCK, slot as usize % SLOTS_PER_BLOCK);
        let room = &mut self.blocks[block][row * self.dimensions..(row + 1) * self.dimensions];
        for (to, from) in room.iter_mut().zip(codes) {
            *to = from;
        }
        self.scales[slot as usize] = scale;
    }

    fn name_actor(&mut self, number: u32, name: &str) {
        crate::analysis::for_each_word(name, |word| {
            let numbers = self.actors.entry(word.to_owned()).or_default();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(session: u32, position: u32) -> Fact {
        Fact {
            tokens: 5,
            stated: 5,
            session,
            position,
            actor: 0,
            at_ms: 0,
            expires_ms: i64::MAX,
            importance: 0.5,
        }
    }

    fn index(ids: &[MemoryId]) -> Index {
        let mut index = Index::empty(Some((1, 4)));
        for id in ids {
            index.apply(IndexChange::Put { id: *id, fact: fact(1, *id as u32 * 5) });
        }
        index
    }

    fn walk(index: &Index, from: MemoryId) -> Vec<MemoryId> {
        let mut slot = index.slot(from).unwrap();
        let mut ids = vec![from];
        while index.after(slot) != NONE {
            slot = index.after(slot);
            ids.push(index.id(slot));
        }
        ids
    }

    #[test]
    fn neighbours_survive_removal_in_the_middle_and_at_the_ends() {
        let mut index = index(&[1, 2, 3, 4]);
        index.apply(IndexChange::Remove { id: 2 });
        assert_eq!(walk(&index, 1), [1, 3, 4]);
        index.apply(IndexChange::Remove { id: 4 });
        index.apply(IndexChange::Put { id: 5, fact: fact(1, 40) });
        assert_eq!(walk(&index, 1), [1, 3, 5]);
        index.apply(IndexChange::Remove { id: 1 });
        assert_eq!(walk(&index, 3), [3, 5]);
        assert_eq!(index.live_count(), 2);
    }

    #[test]
    fn a_memory_that_changes_session_changes_neighbours() {
        let mut index = index(&[1, 2, 3]);
        index.apply(IndexChange::Put { id: 2, fact: fact(9, 0) });
        assert_eq!(walk(&index, 1), [1, 3]);
        assert_eq!(walk(&index, 2), [2]);
    }

    #[test]
    fn applying_twice_is_the_same_as_once() {
        let mut index = index(&[1, 2]);
        for _ in 0..2 {
            index.apply(IndexChange::Put { id: 2, fact: fact(1, 10) });
            index.apply(IndexChange::Remove { id: 1 });
        }
        assert_eq!((index.live_count(), index.slots()), (1, 2));
        assert_eq!(index.mean_tokens(), 5.0);
    }

    #[test]
    fn slots_are_found_across_gaps() {
        let index = index(&[3, 4, 10, 11, 500]);
        assert_eq!(index.slots_of(&[1, 3, 10, 12, 500, 501]).collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(index.slot(11), Some(3));
        assert_eq!(index.slot(5), None);
    }

    #[test]
    fn vectors_of_another_model_are_left_out() {
        let mut index = index(&[1, 2]);
        let vector = Quantized::of(&[1.0, 0.0, 0.0, 0.0]);
        index.apply(IndexChange::Vector { id: 1, model_id: 1, vector: Some(vector.clone()) });
        index.apply(IndexChange::Vector { id: 2, model_id: 2, vector: Some(vector.clone()) });
        let mut cosines = Vec::new();
        index.cosines(&vector, &mut cosines);
        assert!((cosines[0] - 1.0).abs() < 1e-3);
        assert_eq!(cosines[1], 0.0);
    }
}
