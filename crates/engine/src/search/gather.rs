//! What words are worth: windowed BM25 over bare postings, near words beside.

use std::sync::LazyLock;
use std::time::Instant;

use rusqlite::Connection;

use super::completeness;
use super::plan::{Near, Plan};
use super::scratch::{Words, Worth};
use crate::error::EngineError;
use crate::index::{Index, NONE, Place, Slot};
use crate::query::{Completeness, Ranking};

/// A hit in an earlier memory of the session counts `exp(-distance / 50)`, distance in tokens: a
/// question's words are often in the turn before the answer.
const TOKENS_BACKWARD: f32 = 50.0;
/// The same for a hit in a later memory.
const TOKENS_FORWARD: f32 = 35.0;
/// Borrowed hits weaker than this are not worth the walk.
const BORROWED_MIN: f32 = 0.05;
/// In a large store a word of one memory in this many or fewer says too little to be lent: it would be most of
/// the work and change few ranks.
const MEMORIES_PER_LENT_HIT_MIN: usize = 25;
/// A store smaller than this lends every word; it costs nothing there.
const LARGE_STORE_MEMORIES: usize = 10_000;
/// What even a word of all memories is worth: above 0, so that it finds them.
const WORTH_MIN: f32 = 1e-9;

/// What gathering noticed beside the candidates.
pub(super) struct Gathered {
    pub(super) completeness: Completeness,
    /// Sum of the rarities of the query's words.
    pub(super) words: f32,
}

/// Fills `found` with what the query's words are worth in every memory.
pub(super) fn gather(
    connection: &Connection,
    index: &Index,
    plan: &Plan,
    until: Option<Instant>,
    found: &mut Words,
) -> Result<Gathered, EngineError> {
    let mut gathered = Gathered { completeness: Completeness::Complete, words: 0.0 };
    for asked in &plan.terms {
        gathered.completeness = completeness(until);
        if gathered.completeness == Completeness::DeadlineReached {
            break;
        }
        index.postings(connection, &asked.token.term, &mut found.postings)?;
        gathered.words += idf(index, found.postings.len());
        add_term(index, plan.ranking, asked.weight, found);
        if !asked.near.is_empty() {
            add_near(connection, index, &asked.near, found)?;
        }
    }
    Ok(gathered)
}

/// Adds what the term at hand is worth in the memories that hold it and, lent, in their neighbours.
fn add_term(index: &Index, ranking: Ranking, weight: f32, found: &mut Words) {
    let idf = (idf(index, found.postings.len()) * weight).max(WORTH_MIN);
    let worth = |hit: f32| Worth { keywords: idf * hit, related: 0.0 };
    if ranking == Ranking::Bm25 || !is_telling(index, found.postings.len()) {
        return found.add_postings(worth(1.0));
    }
    let postings = std::mem::take(&mut found.postings);
    for slot in &postings {
        found.raise(*slot, 1.0);
    }
    for slot in &postings {
        lend(index, *slot, found);
    }
    found.postings = postings;
    found.add_hits(worth);
}

/// Adds what the words near to one term are worth in memories that lack the term itself, whose postings are at
/// hand: nearness times rarity of all of them together.
fn add_near(
    connection: &Connection,
    index: &Index,
    near: &[Near],
    found: &mut Words,
) -> Result<(), EngineError> {
    let mut slots = std::mem::take(&mut found.near_postings);
    for near in near {
        index.postings(connection, &near.term, &mut slots)?;
        if is_telling(index, slots.len()) {
            for slot in &slots {
                found.raise(*slot, near.cosine);
            }
        }
    }
    let idf = idf(index, found.hit_count()).max(WORTH_MIN);
    slots.clone_from(&found.postings);
    found.unhit(&slots);
    found.near_postings = slots;
    found.add_hits(|hit| Worth { keywords: 0.0, related: idf * hit });
    Ok(())
}

/// How much a term says that `frequency` memories hold (BM25's, kept above 0).
fn idf(index: &Index, frequency: usize) -> f32 {
    let (documents, frequency) = (index.live_count() as f32, frequency as f32);
    (1.0 + (documents - frequency + 0.5).max(0.0) / (frequency + 0.5)).ln()
}

/// Whether a term is rare enough that what it says of other memories is worth the work.
fn is_telling(index: &Index, frequency: usize) -> bool {
    index.live_count() < LARGE_STORE_MEMORIES || frequency * MEMORIES_PER_LENT_HIT_MIN < index.live_count()
}

/// Lends a hit to the neighbours in the session, the weaker the farther they are.
fn lend(index: &Index, slot: Slot, found: &mut Words) {
    walk(index, slot, |place| place.after, &LENT_BACKWARD, found);
    walk(index, slot, |place| place.before, &LENT_FORWARD, found);
}

fn walk(index: &Index, from: Slot, step: fn(&Place) -> Slot, lent: &[f32], found: &mut Words) {
    let place = index.place(from);
    let (position, mut neighbour) = (place.position, step(place));
    while neighbour != NONE {
        let place = index.place(neighbour);
        // Beyond a memory that holds the term itself, that one's own hit is nearer and lends more.
        if found.hit(neighbour) == 1.0 {
            break;
        }
        let Some(hit) = lent.get(place.position.abs_diff(position) as usize) else { break };
        found.raise(neighbour, *hit);
        neighbour = step(place);
    }
}

/// `exp(-distance / reach)` by distance in tokens, as far as it is worth the walk.
fn decay(reach: f32) -> Vec<f32> {
    let farthest = (-reach * BORROWED_MIN.ln()) as usize;
    // Below 1 even at no distance: 1 is a hit of one's own.
    let below_1 = 1.0 - f32::EPSILON;
    (0..=farthest).map(|distance| (-(distance as f32) / reach).exp().min(below_1)).collect()
}

static LENT_BACKWARD: LazyLock<Vec<f32>> = LazyLock::new(|| decay(TOKENS_BACKWARD));
static LENT_FORWARD: LazyLock<Vec<f32>> = LazyLock::new(|| decay(TOKENS_FORWARD));
