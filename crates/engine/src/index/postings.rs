//! Which memories hold a term, by slot: all of it in RAM for stores of ordinary size, what was asked for in huge
//! ones. The file's FTS5 table stays the truth; a look into it costs some fifteen microseconds, a look here none.

use std::collections::HashMap;

use parking_lot::RwLock;
use rusqlite::Connection;

use super::Slot;
use crate::error::EngineError;
use crate::memory::MemoryId;

/// A store of at most this many memories is read whole; a larger one would keep its first search waiting.
const MEMORIES_READ_WHOLE_MAX: usize = 200_000;
/// Postings kept of a larger store, 32 MiB; at the next one they are forgotten and asked for again.
const POSTINGS_KEPT_MAX: usize = 8 * 1024 * 1024;

/// Slots by term, ascending; only of memories that exist.
#[derive(Debug, Default)]
pub(super) struct Postings {
    /// Whether a term without a list is in no memory.
    is_whole: bool,
    lists: RwLock<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    by_term: HashMap<Box<str>, Vec<Slot>>,
    postings: usize,
}

impl Postings {
    /// Those of an empty store.
    pub(super) fn empty() -> Self {
        Self { is_whole: true, ..Self::default() }
    }

    /// Reads them from the file, in its snapshot, unless `memories` are too many.
    pub(super) fn load(
        connection: &Connection,
        memories: usize,
        slot_of: impl Fn(MemoryId) -> Option<Slot>,
    ) -> Result<Self, EngineError> {
        if memories > MEMORIES_READ_WHOLE_MAX {
            return Ok(Self::default());
        }
        let mut lists = Lists::default();
        let mut statement = connection.prepare("SELECT term, doc FROM temp.posting")?;
        let mut rows = statement.query([])?;
        let (mut term, mut slots) = (String::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let of = row.get_ref(0)?.as_str().unwrap_or_default();
            if of != term {
                lists.put(&term, &mut slots);
                term.clear();
                term.push_str(of);
            }
            slots.extend(slot_of(row.get(1)?));
        }
        lists.put(&term, &mut slots);
        Ok(Self { is_whole: true, lists: RwLock::new(lists) })
    }

    /// Lets [`load`](Self::load) see the postings behind the keyword table. Not within a transaction.
    pub(super) fn open_view(connection: &Connection) -> Result<(), EngineError> {
        // A reader may write nothing, not even the name of a view of its own.
        connection.pragma_update(None, "query_only", false)?;
        let made = connection.execute_batch(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.posting USING fts5vocab('main', 'keyword', 'instance')",
        );
        connection.pragma_update(None, "query_only", true)?;
        Ok(made?)
    }

    /// Fills `out` with the slots of the memories that hold `term`; `from_file` is asked where the list is not here.
    pub(super) fn read(
        &self,
        term: &str,
        out: &mut Vec<Slot>,
        from_file: impl FnOnce(&mut Vec<Slot>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        out.clear();
        if let Some(slots) = self.lists.read().by_term.get(term) {
            out.extend_from_slice(slots);
            return Ok(());
        }
        if self.is_whole {
            return Ok(());
        }
        from_file(out)?;
        let mut lists = self.lists.write();
        if lists.postings + out.len() > POSTINGS_KEPT_MAX {
            *lists = Lists::default();
        }
        lists.postings += out.len() + 1;
        lists.by_term.insert(term.into(), out.clone());
        Ok(())
    }

    /// How many memories hold `term`; `None` where only the file can say.
    pub(super) fn frequency(&self, term: &str) -> Option<usize> {
        match self.lists.read().by_term.get(term) {
            Some(slots) => Some(slots.len()),
            None => self.is_whole.then_some(0),
        }
    }

    /// The memory holds these terms now, separated by blanks.
    pub(super) fn add(&mut self, slot: Slot, terms: &str) {
        let lists = self.lists.get_mut();
        for term in terms.split_ascii_whitespace() {
            match lists.by_term.get_mut(term) {
                // The newest memory comes last.
                Some(slots) if slots.last().is_none_or(|last| *last < slot) => slots.push(slot),
                Some(slots) => {
                    if let Err(at) = slots.binary_search(&slot) {
                        slots.insert(at, slot);
                    }
                }
                None if self.is_whole => {
                    lists.by_term.insert(term.into(), vec![slot]);
                }
                None => {}
            }
        }
    }

    /// The memory holds these terms no more.
    pub(super) fn remove(&mut self, slot: Slot, terms: &str) {
        let lists = self.lists.get_mut();
        for term in terms.split_ascii_whitespace() {
            let Some(slots) = lists.by_term.get_mut(term) else { continue };
            if let Ok(at) = slots.binary_search(&slot) {
                slots.remove(at);
            }
            if slots.is_empty() {
                lists.by_term.remove(term);
            }
        }
    }
}

impl Lists {
    fn put(&mut self, term: &str, slots: &mut Vec<Slot>) {
        if slots.is_empty() {
            return;
        }
        slots.sort_unstable();
        slots.dedup();
        self.postings += slots.len();
        self.by_term.insert(term.into(), slots.as_slice().into());
        slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(postings: &Postings, term: &str) -> Vec<Slot> {
        let mut slots = Vec::new();
        let from_file = |slots: &mut Vec<Slot>| {
            slots.extend([7, 9]);
            Ok(())
        };
        postings.read(term, &mut slots, from_file).unwrap();
        slots
    }

    #[test]
    fn lists_follow_what_memories_say() {
        let mut postings = Postings::empty();
        for slot in [0, 2, 1, 2] {
            postings.add(slot, "dog sleep");
        }
        assert_eq!(slots(&postings, "dog"), [0, 1, 2]);
        postings.remove(1, "dog cat");
        postings.remove(1, "dog");
        assert_eq!((slots(&postings, "dog"), slots(&postings, "sleep")), (vec![0, 2], vec![0, 1, 2]));
        assert_eq!(slots(&postings, "cat"), Vec::<Slot>::new());
    }

    #[test]
    fn a_huge_store_asks_the_file_once_and_follows_from_there() {
        let mut postings = Postings::default();
        postings.add(12, "dog");
        assert_eq!(slots(&postings, "dog"), [7, 9]);
        postings.add(12, "dog");
        postings.remove(7, "dog");
        assert_eq!(slots(&postings, "dog"), [9, 12]);
    }
}
