//! Candidates by words (windowed BM25 over bare postings) and by meaning (a scan of int8 vectors).

use std::sync::LazyLock;
use std::time::Instant;

use rusqlite::Connection;

use super::completeness;
use super::length::breadth;
use super::plan::{Near, Plan};
use crate::analysis;
use crate::error::EngineError;
use crate::index::{Index, NONE, Slot};
use crate::memory::MemoryId;
use crate::query::{Completeness, Correction, Ranking};
use crate::typo;

/// BM25's term saturation; the value of Lucene and FTS5.
const K1: f32 = 1.2;
/// BM25's length normalisation for the baseline; the value of Lucene and FTS5.
const B_BASELINE: f32 = 0.75;
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
/// A corrected word counts less than one spelt right.
const CORRECTED_WEIGHT: f32 = 0.85;
/// Spellings tried for a word nobody here uses.
const CORRECTIONS_TRIED_MAX: usize = 8;

/// Arrays by slot that one search fills and the next one uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Windowed BM25 of each slot.
    pub(super) keywords: Vec<f32>,
    /// Best hit of the term at hand, 0 to 1.
    hits: Vec<f32>,
    hit_slots: Vec<Slot>,
    /// What words near to the query's add, by slot.
    pub(super) related: Vec<f32>,
    /// Slots with `keywords` or `related` above 0.
    pub(super) touched: Vec<Slot>,
    /// Cosine of each slot.
    pub(super) cosines: Vec<f32>,
    /// Memories that hold the term at hand, and those that hold a near one.
    postings: Vec<MemoryId>,
    near_postings: Vec<MemoryId>,
}

impl Scratch {
    fn fit(&mut self, slots: usize) {
        self.keywords.resize(slots, 0.0);
        self.related.resize(slots, 0.0);
        self.hits.resize(slots, 0.0);
    }

    /// Ready for the next search.
    pub(super) fn clear(&mut self) {
        for slot in self.touched.drain(..) {
            self.keywords[slot as usize] = 0.0;
            self.related[slot as usize] = 0.0;
        }
    }

    /// Whether the slot is one of `touched`.
    pub(super) fn is_touched(&self, slot: Slot) -> bool {
        self.keywords[slot as usize] > 0.0 || self.related[slot as usize] > 0.0
    }
}

/// What gathering noticed beside the candidates.
pub(super) struct Gathered {
    pub(super) corrections: Vec<Correction>,
    pub(super) completeness: Completeness,
    /// Sum of the rarities of the query's words.
    pub(super) words: f32,
}

/// Fills `scratch` with the keyword score and the cosine of every slot.
pub(super) fn gather(
    connection: &Connection,
    index: &Index,
    plan: &Plan,
    until: Option<Instant>,
    scratch: &mut Scratch,
) -> Result<Gathered, EngineError> {
    scratch.clear();
    scratch.fit(index.slots());
    let mut gathered = Gathered { corrections: Vec::new(), completeness: Completeness::Complete, words: 0.0 };
    for asked in &plan.terms {
        let token = &asked.token;
        gathered.completeness = completeness(until);
        if gathered.completeness == Completeness::DeadlineReached {
            break;
        }
        let mut weight = 1.0;
        postings(connection, &token.term, &mut scratch.postings)?;
        if scratch.postings.is_empty()
            && let Some(word) = correct(connection, &token.word, &mut scratch.postings)?
        {
            weight = CORRECTED_WEIGHT;
            gathered.corrections.push(Correction { from: token.word.clone(), to: word });
        }
        gathered.words += idf(index, scratch.postings.len());
        add_term(index, plan.ranking, weight, scratch);
        if !asked.near.is_empty() {
            add_near(connection, index, &asked.near, scratch)?;
        }
    }
    scratch.cosines.clear();
    if let Some(vector) = &plan.vector {
        index.cosines(vector, &mut scratch.cosines);
    }
    scratch.cosines.resize(index.slots(), 0.0);
    Ok(gathered)
}

/// Ids of the memories that hold `term`, ascending.
fn postings(connection: &Connection, term: &str, ids: &mut Vec<MemoryId>) -> Result<(), EngineError> {
    ids.clear();
    // Terms are letters and digits only, so the quotes hold.
    let mut statement = connection.prepare_cached("SELECT rowid FROM keyword WHERE keyword MATCH ?")?;
    let mut rows = statement.query([format!("\"{term}\"")])?;
    while let Some(row) = rows.next()? {
        ids.push(row.get(0)?);
    }
    Ok(())
}

/// The most used of the nearest spellings of a word nobody here uses; leaves its postings in `ids`.
fn correct(
    connection: &Connection,
    word: &str,
    ids: &mut Vec<MemoryId>,
) -> Result<Option<String>, EngineError> {
    if typo::is_known(connection, word)? {
        return Ok(None);
    }
    let (mut best, mut best_ids) = (None, Vec::new());
    for candidate in typo::near(connection, word)?.into_iter().take(CORRECTIONS_TRIED_MAX) {
        postings(connection, &analysis::stem(&candidate), ids)?;
        if ids.len() > best_ids.len() {
            best = Some(candidate);
            std::mem::swap(&mut best_ids, ids);
        }
    }
    *ids = best_ids;
    Ok(best)
}

/// Adds one term's share to `keywords`.
fn add_term(index: &Index, ranking: Ranking, weight: f32, scratch: &mut Scratch) {
    let idf = idf(index, scratch.postings.len()) * weight;
    let postings = std::mem::take(&mut scratch.postings);
    let lends = ranking == Ranking::Hybrid && is_telling(index, postings.len());
    for slot in index.slots_of(&postings) {
        raise(scratch, slot, 1.0);
        if lends && index.fact(slot).session != 0 {
            lend(index, slot, scratch);
        }
    }
    scratch.postings = postings;
    let mean = index.mean_tokens();
    for slot in scratch.hit_slots.drain(..) {
        let hit = std::mem::take(&mut scratch.hits[slot as usize]);
        let tokens = index.fact(slot).tokens;
        let length = match ranking {
            Ranking::Hybrid => breadth(tokens),
            Ranking::Bm25 => 1.0 - B_BASELINE + B_BASELINE * tokens as f32 / mean,
        };
        let share = idf * hit * (K1 + 1.0) / (1.0 + K1 * length);
        if scratch.keywords[slot as usize] == 0.0 && scratch.related[slot as usize] == 0.0 {
            scratch.touched.push(slot);
        }
        scratch.keywords[slot as usize] += share.max(f32::MIN_POSITIVE);
    }
}

/// Adds to `related` what the words near to one term are worth in memories that lack the term itself, whose
/// postings are at hand: nearness times rarity of all of them together.
fn add_near(
    connection: &Connection,
    index: &Index,
    near: &[Near],
    scratch: &mut Scratch,
) -> Result<(), EngineError> {
    let mut ids = std::mem::take(&mut scratch.near_postings);
    for near in near {
        postings(connection, &near.term, &mut ids)?;
        if is_telling(index, ids.len()) {
            for slot in index.slots_of(&ids) {
                raise(scratch, slot, near.cosine);
            }
        }
    }
    scratch.near_postings = ids;
    let idf = idf(index, scratch.hit_slots.len());
    for slot in index.slots_of(&scratch.postings) {
        scratch.hits[slot as usize] = 0.0;
    }
    for slot in scratch.hit_slots.drain(..) {
        let hit = std::mem::take(&mut scratch.hits[slot as usize]);
        if hit > 0.0 {
            if scratch.keywords[slot as usize] == 0.0 && scratch.related[slot as usize] == 0.0 {
                scratch.touched.push(slot);
            }
            scratch.related[slot as usize] += (idf * hit).max(f32::MIN_POSITIVE);
        }
    }
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
fn lend(index: &Index, slot: Slot, scratch: &mut Scratch) {
    walk(index, slot, Index::after, &LENT_BACKWARD, scratch);
    walk(index, slot, Index::before, &LENT_FORWARD, scratch);
}

fn walk(index: &Index, from: Slot, step: fn(&Index, Slot) -> Slot, lent: &[f32], scratch: &mut Scratch) {
    let position = index.fact(from).position;
    let mut neighbour = step(index, from);
    while neighbour != NONE {
        let distance = index.fact(neighbour).position.abs_diff(position) as usize;
        let Some(hit) = lent.get(distance) else { break };
        raise(scratch, neighbour, *hit);
        neighbour = step(index, neighbour);
    }
}

/// `exp(-distance / reach)` by distance in tokens, as far as it is worth the walk.
fn decay(reach: f32) -> Vec<f32> {
    let farthest = (-reach * BORROWED_MIN.ln()) as usize;
    (0..=farthest).map(|distance| (-(distance as f32) / reach).exp()).collect()
}

static LENT_BACKWARD: LazyLock<Vec<f32>> = LazyLock::new(|| decay(TOKENS_BACKWARD));
static LENT_FORWARD: LazyLock<Vec<f32>> = LazyLock::new(|| decay(TOKENS_FORWARD));

fn raise(scratch: &mut Scratch, slot: Slot, hit: f32) {
    let best = &mut scratch.hits[slot as usize];
    if *best == 0.0 {
        scratch.hit_slots.push(slot);
    }
    *best = best.max(hit);
}
