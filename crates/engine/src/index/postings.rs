//! Which memories hold a term, by slot: all of it in RAM for stores of ordinary size, what was asked for in huge
//! ones. The file's FTS5 table stays the truth; a look into it costs some fifteen microseconds, a look here none.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rusqlite::Connection;

use super::Slot;
use super::posting_list::PostingList;
use crate::error::EngineError;
use crate::memory::MemoryId;

/// Bytes of postings kept of a store that is not read whole; at the next ones half of them are forgotten and asked for
/// again.
const BYTES_KEPT_MAX: usize = 20 * 1024 * 1024;

/// Slots by term; those of removed memories may be among them. Read as they are asked for, unless they were loaded.
#[derive(Debug, Default)]
pub(super) struct Postings {
    /// Whether a term without a list is in no memory.
    is_whole: bool,
    lists: RwLock<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    by_term: HashMap<Box<str>, Arc<PostingList>>,
    bytes: usize,
}

impl Postings {
    /// Those of an empty store.
    pub(super) fn empty() -> Self {
        Self { is_whole: true, ..Self::default() }
    }

    /// Reads them all from the file, in its snapshot.
    pub(super) fn load(
        connection: &Connection,
        slot_of: impl Fn(MemoryId) -> Option<Slot>,
    ) -> Result<Self, EngineError> {
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

    /// The memories that hold `term`; `from_file` is asked, for slots that ascend, where the list is not here.
    pub(super) fn list(
        &self,
        term: &str,
        from_file: impl FnOnce() -> Result<Vec<Slot>, EngineError>,
    ) -> Result<Option<Arc<PostingList>>, EngineError> {
        if let Some(list) = self.lists.read().by_term.get(term) {
            return Ok(Some(Arc::clone(list)).filter(|list| list.count() > 0));
        }
        if self.is_whole {
            return Ok(None);
        }
        let list = Arc::new(PostingList::of(&from_file()?));
        let mut lists = self.lists.write();
        if lists.bytes + size(term, &list) > BYTES_KEPT_MAX {
            lists.forget_half();
        }
        lists.bytes += size(term, &list);
        if let Some(before) = lists.by_term.insert(term.into(), Arc::clone(&list)) {
            lists.bytes -= size(term, &before).min(lists.bytes);
        }
        Ok(Some(list).filter(|list| list.count() > 0))
    }

    /// The memory holds these terms now, separated by blanks.
    pub(super) fn add(&mut self, slot: Slot, terms: &str) {
        let lists = self.lists.get_mut();
        for term in terms.split_ascii_whitespace() {
            match lists.by_term.get_mut(term) {
                Some(list) => {
                    let before = list.size();
                    Arc::make_mut(list).add(slot);
                    lists.bytes += list.size().saturating_sub(before);
                }
                None if self.is_whole => {
                    lists.by_term.insert(term.into(), Arc::new(PostingList::of(&[slot])));
                }
                None => {}
            }
        }
    }

    /// The memory, which still exists, holds these terms no more.
    pub(super) fn remove(&mut self, slot: Slot, terms: &str) {
        self.change(terms, |list| list.remove(slot));
    }

    /// A memory that held these terms exists no more. Its slot stays in the lists. A list that was read between the commit and
    /// this did not have it, and counts one too few until it is read again.
    pub(super) fn forget(&mut self, terms: &str) {
        self.change(terms, PostingList::forget_one);
    }

    fn change(&mut self, terms: &str, change: impl Fn(&mut PostingList)) {
        let lists = self.lists.get_mut();
        for term in terms.split_ascii_whitespace() {
            let Some(list) = lists.by_term.get_mut(term) else { continue };
            change(Arc::make_mut(list));
            if list.count() == 0 {
                lists.by_term.remove(term);
            }
        }
    }
}

/// Bytes a list takes with its place in the table.
fn size(term: &str, list: &PostingList) -> usize {
    const PLACE: usize = 64;
    list.size() + term.len() + PLACE
}

impl Lists {
    /// Forgets every other list, whichever that is.
    fn forget_half(&mut self) {
        let (mut is_kept, mut bytes) = (false, 0);
        self.by_term.retain(|term, list| {
            is_kept = !is_kept;
            bytes += if is_kept { size(term, list) } else { 0 };
            is_kept
        });
        self.bytes = bytes;
    }

    fn put(&mut self, term: &str, slots: &mut Vec<Slot>) {
        if slots.is_empty() {
            return;
        }
        slots.sort_unstable();
        slots.dedup();
        self.by_term.insert(term.into(), Arc::new(PostingList::of(slots)));
        slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(postings: &Postings, term: &str) -> Vec<Slot> {
        let list = postings.list(term, || Ok(vec![7, 9])).unwrap();
        list.map_or_else(Vec::new, |list| list.slots().collect())
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
        postings.forget("dog");
        postings.forget("dog");
        assert_eq!(slots(&postings, "dog"), Vec::<Slot>::new());
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
