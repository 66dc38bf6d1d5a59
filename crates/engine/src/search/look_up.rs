//! Who holds the words of a query: a list for each of its words, and one for each near word.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;

use super::completeness;
use super::plan::{Near, Plan};
use crate::error::EngineError;
use crate::index::{Index, PostingList};
use crate::query::Completeness;

/// In a large store a word of one memory in this many or fewer says too little to be lent: it would be most of
/// the work and change few ranks.
const MEMORIES_PER_LENT_HIT_MIN: usize = 25;
/// A store smaller than this lends every word; it costs nothing there.
const LARGE_STORE_MEMORIES: usize = 10_000;
/// What even a word of all memories is worth: above 0, so that it finds them.
const WORTH_MIN: f32 = 1e-9;

/// What the words of a query are found in.
pub(super) struct LookedUp {
    pub(super) words: Vec<Word>,
    pub(super) completeness: Completeness,
    /// Sum of the rarities of the query's words.
    pub(super) rarity: f32,
}

/// One word of the query.
pub(super) struct Word {
    /// Those that hold it, if any do.
    pub(super) own: Option<Arc<PostingList>>,
    /// What it is worth: its rarity, less for a corrected one.
    pub(super) worth: f32,
    /// Those that hold a word near to it, and how near; only words that tell enough.
    pub(super) near: Vec<(Arc<PostingList>, f32)>,
}

impl Word {
    /// Memories that hold a word near to it; one that holds two counts twice.
    pub(super) fn near_count(&self) -> usize {
        self.near.iter().map(|(list, _)| list.count()).sum()
    }
}

/// Looks up every word of the plan, until there is no time for the next one.
pub(super) fn look_up(
    connection: &Connection,
    index: &Index,
    plan: &Plan,
    until: Option<Instant>,
) -> Result<LookedUp, EngineError> {
    let mut looked_up = LookedUp {
        words: Vec::with_capacity(plan.terms.len()),
        completeness: Completeness::Complete,
        rarity: 0.0,
    };
    for asked in &plan.terms {
        looked_up.completeness = completeness(until);
        if looked_up.completeness == Completeness::DeadlineReached {
            break;
        }
        let own = index.postings(connection, &asked.token.term)?;
        let rarity = idf(index, count(own.as_ref()));
        looked_up.rarity += rarity;
        let near = near(connection, index, &asked.near)?;
        looked_up.words.push(Word { own, worth: (rarity * asked.weight).max(WORTH_MIN), near });
    }
    Ok(looked_up)
}

fn near(
    connection: &Connection,
    index: &Index,
    near: &[Near],
) -> Result<Vec<(Arc<PostingList>, f32)>, EngineError> {
    let mut lists = Vec::with_capacity(near.len());
    for near in near {
        if let Some(list) = index.postings(connection, &near.term)?
            && is_telling(index, &list)
        {
            lists.push((list, near.cosine));
        }
    }
    Ok(lists)
}

/// How much the words near to one term say, which `frequency` memories hold.
pub(super) fn worth_near(index: &Index, frequency: usize) -> f32 {
    idf(index, frequency).max(WORTH_MIN)
}

/// How much a term says that `frequency` memories hold (BM25's, kept above 0).
fn idf(index: &Index, frequency: usize) -> f32 {
    let (documents, frequency) = (index.live_count() as f32, frequency as f32);
    (1.0 + (documents - frequency + 0.5).max(0.0) / (frequency + 0.5)).ln()
}

/// Whether a term is rare enough that what it says of other memories is worth the work.
pub(super) fn is_telling(index: &Index, list: &PostingList) -> bool {
    index.live_count() < LARGE_STORE_MEMORIES || list.count() * MEMORIES_PER_LENT_HIT_MIN < index.live_count()
}

fn count(list: Option<&Arc<PostingList>>) -> usize {
    list.map_or(0, |list| list.count())
}
