//! What ranking needs of every memory, in RAM while a store is hot: postings, traits, places, times and vectors by
//! slot. Loaded from the file on the first search, kept true by the writer after each commit, never the truth.

mod bits;
mod ids;
mod load;
mod posting_list;
mod postings;
mod sessions;
mod traits;
mod vectors;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use crate::cues;
use crate::error::EngineError;
use crate::memory::MemoryId;
use crate::vector::{ModelIdentity, Quantized, Signs};
use ids::Ids;
use postings::Postings;
use sessions::Sessions;
use traits::{Glances, Times};
use vectors::Vectors;

pub(crate) use bits::Bits;
pub(crate) use posting_list::{PostingList, Slots};
pub(crate) use sessions::{NONE, Place};
pub(crate) use traits::{GlancesFrom, IMPORTANCE_GLANCE, STATED_GLANCE, Traits};

/// From how many memories on a store is treated in another way. What is kept is decided when the index is loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// A larger store's postings are read when they are asked for: all at once would keep its first search waiting.
    pub(crate) postings_whole_max: usize,
    /// A larger store's vectors are read when they are compared, a thousand or two a search: a quarter of a gigabyte for
    /// each million memories is not kept in memory.
    pub(crate) codes_kept_max: usize,
    /// A larger store is surveyed before it is searched.
    pub(crate) searched_whole_max: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { postings_whole_max: 200_000, codes_kept_max: 200_000, searched_whole_max: 20_000 }
    }
}

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
    sizes: Sizes,
    model_id: Option<i64>,
    /// The same model by name; `None` in an index that was not loaded from a file.
    model: Option<ModelIdentity>,
    ids: Ids,
    traits: Vec<Traits>,
    glances: Glances,
    /// Numbers, 0 for none.
    actor_of: Vec<u32>,
    times: Times,
    live: Bits,
    live_count: usize,
    tokens_total: u64,
    sessions: Sessions,
    postings: Postings,
    vectors: Vectors,
    /// Actors by each folded word of their names.
    actors: HashMap<String, Vec<u32>>,
    /// Actors who are the user of an agent.
    askers: Vec<u32>,
}

impl Index {
    /// Without any memory yet; `memories` are expected.
    pub(crate) fn empty(model: Option<(i64, usize)>, memories: usize, sizes: Sizes) -> Self {
        Self {
            sizes,
            model_id: model.map(|(id, _)| id),
            model: None,
            ids: Ids::default(),
            traits: Vec::new(),
            glances: Glances::default(),
            actor_of: Vec::new(),
            times: Times::default(),
            live: Bits::default(),
            live_count: 0,
            tokens_total: 0,
            sessions: Sessions::default(),
            postings: Postings::empty(),
            vectors: Vectors::new(
                model.map_or(0, |(_, dimensions)| dimensions),
                memories <= sizes.codes_kept_max,
            ),
            actors: HashMap::new(),
            askers: Vec::new(),
        }
    }

    /// Applies what a commit changed. Doing it twice is the same as once.
    pub(crate) fn apply(&mut self, change: IndexChange) {
        match change {
            IndexChange::Put { id, fact } => match self.slot(id) {
                Some(slot) => self.replace(slot, fact),
                None if self.ids.last().is_none_or(|last| last < id) => {
                    let slot = self.push(id, fact);
                    self.sessions.link(slot);
                }
                // Ids only grow, so a smaller unknown one was removed by a later commit already seen.
                None => {}
            },
            IndexChange::Terms { id, gone, now } => {
                if let Some(slot) = self.slot(id).filter(|slot| self.live.has(*slot)) {
                    self.postings.remove(slot, &gone);
                    self.postings.add(slot, &now);
                }
            }
            IndexChange::Vector { id, model_id, vector } => {
                if let (Some(slot), true) = (self.slot(id), self.model_id == Some(model_id)) {
                    match vector {
                        Some(v) => self.vectors.set(slot, v.scale, &v.codes),
                        None => self.vectors.clear(slot),
                    }
                }
            }
            IndexChange::Remove { id, terms } => {
                if let Some(slot) = self.slot(id).filter(|slot| self.live.has(*slot)) {
                    self.remove(slot);
                    self.postings.forget(&terms);
                }
            }
            IndexChange::Actor { number, name } => self.name_actor(number, &name),
        }
    }

    /// Slots there are, dead ones included; arrays of a search have this length.
    pub(crate) fn slots(&self) -> usize {
        self.ids.len()
    }

    /// Whether it is too large to be searched without a survey.
    pub(crate) fn is_large(&self) -> bool {
        self.slots() > self.sizes.searched_whole_max || !self.keeps_codes()
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
        self.ids.get(slot as usize).unwrap_or_default()
    }

    pub(crate) fn traits(&self, slot: Slot) -> &Traits {
        &self.traits[slot as usize]
    }

    pub(crate) fn place(&self, slot: Slot) -> &Place {
        self.sessions.place(slot)
    }

    /// Event time, else when it was stored; milliseconds, to the minute.
    pub(crate) fn at_ms(&self, slot: Slot) -> i64 {
        self.times.at_ms(slot as usize)
    }

    /// The day (UTC) of the same, counted from 1970.
    #[inline]
    pub(crate) fn day(&self, slot: Slot) -> i32 {
        self.times.day(slot as usize)
    }

    pub(crate) fn is_live(&self, slot: Slot, now_ms: i64) -> bool {
        self.live.has(slot) && !self.times.has_expired(slot as usize, now_ms)
    }

    /// Numbers of the actors that have this folded word in their names.
    pub(crate) fn actors_named(&self, word: &str) -> &[u32] {
        self.actors.get(word).map_or(&[], Vec::as_slice)
    }

    /// Numbers of the actors who are the user of an agent, and nobody's, if there are any: what nobody said is a note.
    pub(crate) fn askers(&self) -> impl Iterator<Item = u32> {
        let note = (!self.askers.is_empty()).then_some(0);
        self.askers.iter().copied().chain(note)
    }

    /// The number of who said it, 0 for nobody.
    pub(crate) fn actor(&self, slot: Slot) -> u32 {
        self.actor_of[slot as usize]
    }

    /// Glances and actors of the slots from `start` on.
    pub(crate) fn glances_from(&self, start: Slot) -> (GlancesFrom<'_>, &[u32]) {
        (self.glances.from(start as usize), &self.actor_of[start as usize..])
    }

    /// The slot of a memory.
    pub(crate) fn slot(&self, id: MemoryId) -> Option<Slot> {
        self.ids.slot(id)
    }

    /// The memories that hold `term`; `None` when none does. Slots of removed ones may be among them.
    pub(crate) fn postings(
        &self,
        connection: &Connection,
        term: &str,
    ) -> Result<Option<Arc<PostingList>>, EngineError> {
        self.postings.list(term, || {
            // Terms are letters and digits only, so the quotes hold.
            let mut statement =
                connection.prepare_cached("SELECT rowid FROM keyword WHERE keyword MATCH ?")?;
            let mut rows = statement.query([format!("\"{term}\"")])?;
            let mut slots = Vec::new();
            // FTS5 answers in the order of rowids.
            while let Some(row) = rows.next()? {
                slots.extend(self.slot(row.get(0)?).filter(|slot| self.live.has(*slot)));
            }
            Ok(slots)
        })
    }

    /// Fills `out` with the slots of `list` whose memories exist.
    pub(crate) fn read_postings(&self, list: &PostingList, out: &mut Vec<Slot>) {
        out.clear();
        let slots = list.slots();
        if self.live_count == self.ids.len() {
            out.extend(slots);
        } else {
            out.extend(slots.filter(|slot| self.live.has(*slot)));
        }
    }

    /// How many memories hold `term`.
    pub(crate) fn frequency(&self, connection: &Connection, term: &str) -> Result<usize, EngineError> {
        Ok(self.postings(connection, term)?.map_or(0, |list| list.count()))
    }

    /// Components of a vector.
    pub(crate) fn dimensions(&self) -> usize {
        self.vectors.dimensions()
    }

    /// Whether it has the vectors themselves; else it has their signs, and the file the rest.
    pub(crate) fn keeps_codes(&self) -> bool {
        self.vectors.keeps_codes()
    }

    /// The slot's vector: its scale and its codes; `None` where there is none, or codes are not kept.
    pub(crate) fn vector(&self, slot: Slot) -> Option<(f32, &[i8])> {
        self.vectors.get(slot)
    }

    /// In how many components the signs of the slots from `start` on differ from the query's: the angle between the
    /// two, roughly. `start` is a multiple of 256.
    pub(crate) fn differing_signs(&self, query: &Signs, start: Slot, out: &mut [u16]) {
        self.vectors.differing_signs(query, start, out);
    }

    /// The same for one slot.
    pub(crate) fn differing_signs_of(&self, query: &Signs, slot: Slot) -> u16 {
        self.vectors.differing_signs_of(query, slot)
    }

    fn reserve(&mut self, slots: usize) {
        self.ids.reserve(slots);
        self.traits.reserve_exact(slots);
        self.glances.reserve(slots);
        self.actor_of.reserve_exact(slots);
        self.times.reserve(slots);
        self.sessions.reserve(slots);
    }

    fn push(&mut self, id: MemoryId, fact: Fact) -> Slot {
        let slot = self.ids.len() as Slot;
        if self.ids.is_full() {
            // An eighth more, not twice as much.
            self.reserve(self.ids.len() / 8 + 256);
        }
        self.ids.push(id);
        let traits = Traits::of(&fact);
        self.tokens_total += u64::from(traits.tokens());
        self.traits.push(traits);
        self.glances.push(traits);
        self.actor_of.push(fact.actor);
        self.times.push(&fact);
        self.live.insert(slot);
        self.live_count += 1;
        self.sessions.push(fact.session, fact.position);
        self.vectors.push();
        slot
    }

    fn replace(&mut self, slot: Slot, fact: Fact) {
        let at = slot as usize;
        let before = std::mem::replace(&mut self.traits[at], Traits::of(&fact));
        self.tokens_total -= u64::from(before.tokens());
        self.tokens_total += u64::from(self.traits[at].tokens());
        self.glances.set(at, self.traits[at]);
        self.actor_of[at] = fact.actor;
        self.times.set(at, &fact);
        self.sessions.replace(slot, fact.session, fact.position);
    }

    fn remove(&mut self, slot: Slot) {
        if self.live.remove(slot) {
            self.live_count -= 1;
            self.tokens_total -= u64::from(self.traits[slot as usize].tokens());
            self.vectors.clear(slot);
            self.sessions.unlink(slot);
        }
    }

    fn name_actor(&mut self, number: u32, name: &str) {
        if cues::is_asker(name) && !self.askers.contains(&number) {
            self.askers.push(number);
        }
        crate::analysis::for_each_word(name, |word| {
            let numbers = self.actors.entry(word.to_owned()).or_default();
            if let Err(at) = numbers.binary_search(&number) {
                numbers.insert(at, number);
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
        let mut index = Index::empty(Some((1, 4)), 0, Sizes::default());
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
    fn vectors_of_another_model_are_left_out() {
        let mut index = index(&[1, 2]);
        let vector = Quantized::of(&[1.0, 0.0, 0.0, 0.0]);
        index.apply(IndexChange::Vector { id: 1, model_id: 1, vector: Some(vector.clone()) });
        index.apply(IndexChange::Vector { id: 2, model_id: 2, vector: Some(vector.clone()) });
        assert_eq!(index.vector(0), Some((vector.scale, &vector.codes[..])));
        assert_eq!(index.vector(1), None);
        let mut differing = [9; 2];
        let signs = Signs::of(&vector.codes);
        index.differing_signs(&signs, 0, &mut differing);
        assert_eq!((differing, index.differing_signs_of(&signs, 0)), ([0, 0], 0));
    }
}
