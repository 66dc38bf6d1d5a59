//! What ranking needs of every memory, in RAM while a store is hot: postings, traits, places, times and vectors by
//! slot. Loaded from the file on the first search, kept true by the writer after each commit, never the truth.

mod load;
mod postings;
mod sessions;
mod vectors;

use std::collections::HashMap;

use rusqlite::Connection;

use crate::error::EngineError;
use crate::memory::MemoryId;
use crate::vector::{ModelIdentity, Quantized};
use postings::Postings;
use sessions::Sessions;
use vectors::Vectors;

pub(crate) use sessions::{NONE, Place};

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

/// What every candidate is judged by: sixteen bytes, because a search looks at very many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Traits {
    /// Words of the content.
    pub(crate) tokens: u32,
    /// Its actor's number, 0 for none.
    pub(crate) actor: u32,
    /// `ln(1 + words outside questions)`.
    pub(crate) stated: f32,
    /// 0 to 1.
    pub(crate) importance: f32,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    at_ms: i64,
    expires_ms: i64,
}

/// What a committed write changes.
#[derive(Debug, Clone)]
pub(crate) enum IndexChange {
    /// The memory is new or its facts have changed.
    Put { id: MemoryId, fact: Fact },
    /// The memory, which is known, holds other terms than before; both separated by blanks.
    Terms { id: MemoryId, gone: String, now: String },
    /// The memory has a vector now, or none any more.
    Vector { id: MemoryId, model_id: i64, vector: Option<Quantized> },
    /// The memory, which held these terms, is gone.
    Remove { id: MemoryId, terms: String },
    /// An actor got a number.
    Actor { number: u32, name: String },
}

/// The arrays. `model_id` says whose vectors they hold; others are left out, never mixed.
#[derive(Debug)]
pub(crate) struct Index {
    model_id: Option<i64>,
    /// The same model by name; `None` in an index that was not loaded from a file.
    model: Option<ModelIdentity>,
    ids: Vec<MemoryId>,
    traits: Vec<Traits>,
    times: Vec<Times>,
    live: Vec<bool>,
    live_count: usize,
    /// No memory expires before; `i64::MAX` for none ever.
    soonest_expiry_ms: i64,
    tokens_total: u64,
    sessions: Sessions,
    postings: Postings,
    vectors: Vectors,
    /// Actors by each folded word of their names.
    actors: HashMap<String, Vec<u32>>,
}

impl Index {
    fn empty(model: Option<(i64, usize)>) -> Self {
        Self {
            model_id: model.map(|(id, _)| id),
            model: None,
            ids: Vec::new(),
            traits: Vec::new(),
            times: Vec::new(),
            live: Vec::new(),
            live_count: 0,
            soonest_expiry_ms: i64::MAX,
            tokens_total: 0,
            sessions: Sessions::default(),
            postings: Postings::empty(),
            vectors: Vectors::new(model.map_or(0, |(_, dimensions)| dimensions)),
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
                    self.sessions.link(slot);
                }
                // Ids only grow, so a smaller unknown one was removed by a later commit already seen.
                None => {}
            },
            IndexChange::Terms { id, gone, now } => {
                if let Some(slot) = self.slot(id).filter(|slot| self.live[*slot as usize]) {
                    self.postings.remove(slot, &gone);
                    self.postings.add(slot, &now);
                }
            }
            IndexChange::Vector { id, model_id, vector } => {
                if let (Some(slot), true) = (self.slot(id), self.model_id == Some(model_id)) {
                    match vector {
                        Some(v) => self.vectors.set(slot, v.scale, v.codes.into_iter()),
                        None => self.vectors.clear(slot),
                    }
                }
            }
            IndexChange::Remove { id, terms } => {
                if let Some(slot) = self.slot(id) {
                    self.remove(slot);
                    self.postings.remove(slot, &terms);
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

    /// Whether a vector of `model` may be compared with those here. A search that began before a change of model
    /// brings a vector of the model before.
    pub(crate) fn speaks(&self, model: &ModelIdentity) -> bool {
        self.model.as_ref() == Some(model)
    }

    pub(crate) fn id(&self, slot: Slot) -> MemoryId {
        self.ids[slot as usize]
    }

    pub(crate) fn traits(&self, slot: Slot) -> &Traits {
        &self.traits[slot as usize]
    }

    pub(crate) fn place(&self, slot: Slot) -> &Place {
        self.sessions.place(slot)
    }

    /// Event time, else when it was stored; milliseconds.
    pub(crate) fn at_ms(&self, slot: Slot) -> i64 {
        self.times[slot as usize].at_ms
    }

    pub(crate) fn is_live(&self, slot: Slot, now_ms: i64) -> bool {
        self.live[slot as usize]
            && (now_ms < self.soonest_expiry_ms || self.times[slot as usize].expires_ms > now_ms)
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

    /// Fills `out` with the slots of the memories that hold `term`, ascending.
    pub(crate) fn postings(
        &self,
        connection: &Connection,
        term: &str,
        out: &mut Vec<Slot>,
    ) -> Result<(), EngineError> {
        self.postings.read(term, out, |out| {
            // Terms are letters and digits only, so the quotes hold.
            let mut statement =
                connection.prepare_cached("SELECT rowid FROM keyword WHERE keyword MATCH ?")?;
            let mut rows = statement.query([format!("\"{term}\"")])?;
            while let Some(row) = rows.next()? {
                out.extend(self.slot(row.get(0)?));
            }
            Ok(())
        })
    }

    /// How many memories hold `term`; `slots` is for the look.
    pub(crate) fn frequency(
        &self,
        connection: &Connection,
        term: &str,
        slots: &mut Vec<Slot>,
    ) -> Result<usize, EngineError> {
        if let Some(frequency) = self.postings.frequency(term) {
            return Ok(frequency);
        }
        self.postings(connection, term, slots)?;
        Ok(slots.len())
    }

    /// The slot's vector: its scale and its codes; `None` where there is none.
    pub(crate) fn vector(&self, slot: Slot) -> Option<(f32, &[i8])> {
        self.vectors.get(slot)
    }

    /// Cosine of `query` with the slot's vector; 0 where there is none.
    pub(crate) fn cosine(&self, query: &Quantized, slot: Slot) -> f32 {
        self.vectors.cosine(query, slot)
    }

    /// In how many components each slot's sign differs from the query's: the angle between the two, roughly.
    pub(crate) fn differing_signs(&self, query: &Quantized, out: &mut Vec<u16>) {
        self.vectors.differing_signs(query, out);
    }

    fn push(&mut self, id: MemoryId, fact: Fact) -> Slot {
        let slot = self.ids.len() as Slot;
        self.ids.push(id);
        self.tokens_total += u64::from(fact.tokens);
        self.traits.push(Traits::of(&fact));
        let times = self.times_of(&fact);
        self.times.push(times);
        self.live.push(true);
        self.live_count += 1;
        self.sessions.push(fact.session, fact.position);
        self.vectors.push();
        slot
    }

    fn replace(&mut self, slot: Slot, fact: Fact) {
        let at = slot as usize;
        self.tokens_total = self.tokens_total + u64::from(fact.tokens) - u64::from(self.traits[at].tokens);
        self.traits[at] = Traits::of(&fact);
        self.times[at] = self.times_of(&fact);
        self.sessions.replace(slot, fact.session, fact.position);
    }

    fn remove(&mut self, slot: Slot) {
        if std::mem::replace(&mut self.live[slot as usize], false) {
            self.live_count -= 1;
            self.tokens_total -= u64::from(self.traits[slot as usize].tokens);
            self.vectors.clear(slot);
            self.sessions.unlink(slot);
        }
    }

    fn times_of(&mut self, fact: &Fact) -> Times {
        self.soonest_expiry_ms = self.soonest_expiry_ms.min(fact.expires_ms);
        Times { at_ms: fact.at_ms, expires_ms: fact.expires_ms }
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

impl Traits {
    fn of(fact: &Fact) -> Self {
        Self {
            tokens: fact.tokens,
            actor: fact.actor,
            stated: (fact.stated as f32).ln_1p(),
            importance: fact.importance,
        }
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
        while index.place(slot).after != NONE {
            slot = index.place(slot).after;
            ids.push(index.id(slot));
        }
        ids
    }

    #[test]
    fn neighbours_survive_removal_in_the_middle_and_at_the_ends() {
        let mut index = index(&[1, 2, 3, 4]);
        index.apply(IndexChange::Remove { id: 2, terms: String::new() });
        assert_eq!(walk(&index, 1), [1, 3, 4]);
        index.apply(IndexChange::Remove { id: 4, terms: String::new() });
        index.apply(IndexChange::Put { id: 5, fact: fact(1, 40) });
        assert_eq!(walk(&index, 1), [1, 3, 5]);
        index.apply(IndexChange::Remove { id: 1, terms: String::new() });
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
            index.apply(IndexChange::Remove { id: 1, terms: String::new() });
        }
        assert_eq!((index.live_count(), index.slots()), (1, 2));
        assert_eq!(index.mean_tokens(), 5.0);
    }

    #[test]
    fn slots_are_found_across_gaps() {
        let index = index(&[3, 4, 10, 11, 500]);
        assert_eq!(index.slot(500), Some(4));
        assert_eq!(index.slot(11), Some(3));
        assert_eq!(index.slot(5), None);
    }

    #[test]
    fn vectors_of_another_model_are_left_out() {
        let mut index = index(&[1, 2]);
        let vector = Quantized::of(&[1.0, 0.0, 0.0, 0.0]);
        index.apply(IndexChange::Vector { id: 1, model_id: 1, vector: Some(vector.clone()) });
        index.apply(IndexChange::Vector { id: 2, model_id: 2, vector: Some(vector.clone()) });
        assert!((index.cosine(&vector, 0) - 1.0).abs() < 1e-3);
        assert_eq!(index.cosine(&vector, 1), 0.0);
        let mut differing = Vec::new();
        index.differing_signs(&vector, &mut differing);
        assert_eq!(differing, [0, 0]);
    }
}
