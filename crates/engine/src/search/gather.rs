//! What words are worth: windowed BM25 over bare postings, near words beside.

use std::time::Instant;

use super::candidates::View;
use super::completeness;
use super::lend::lend;
use super::look_up::{Word, is_telling, worth_near};
use super::scratch::{Words, Worth};
use super::survey::Region;
use crate::index::{Index, PostingList, Slot};
use crate::query::{Completeness, Ranking};

/// Fills `found` with what the query's words are worth in every memory, or in every one of the region.
/// Says whether there was time for all of them.
pub(super) fn gather(
    view: View<'_>,
    words: &[Word],
    until: Option<Instant>,
    found: &mut Words,
) -> Completeness {
    let View { index, plan, .. } = view;
    for word in words {
        if completeness(until) == Completeness::DeadlineReached {
            return Completeness::DeadlineReached;
        }
        found.postings.clear();
        if let Some(list) = &word.own {
            let room = std::mem::take(&mut found.postings);
            found.postings = read(index, list, found.region(), room);
            add_word(index, word, list, plan.ranking, found);
        }
        if !word.near.is_empty() {
            add_near(index, word, found);
        }
    }
    Completeness::Complete
}

/// The slots of the list that are in the region, in the room of `out`.
fn read(index: &Index, list: &PostingList, region: Option<&Region>, mut out: Vec<Slot>) -> Vec<Slot> {
    match region {
        Some(region) => {
            out.clear();
            out.extend(list.slots().filter(|slot| region.has(*slot)));
        }
        None => index.read_postings(list, &mut out),
    }
    out
}

/// Adds what the word is worth in the memories that hold it, whose slots are at hand, and, lent, in their neighbours.
fn add_word(index: &Index, word: &Word, list: &PostingList, ranking: Ranking, found: &mut Words) {
    let worth = |hit: f32| Worth { keywords: word.worth * hit, related: 0.0 };
    if ranking == Ranking::Bm25 || !is_telling(index, list) {
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

/// Adds what the words near to one are worth in memories that lack the word itself, whose slots are at hand: nearness
/// times rarity of all of them together.
fn add_near(index: &Index, word: &Word, found: &mut Words) {
    let mut slots = std::mem::take(&mut found.near_postings);
    for (list, cosine) in &word.near {
        slots = read(index, list, found.region(), slots);
        for slot in &slots {
            found.raise(*slot, *cosine);
        }
    }
    // Beyond a region nobody looked who holds two of them.
    let frequency = if found.region().is_some() { word.near_count() } else { found.hit_count() };
    let rarity = worth_near(index, frequency);
    slots.clone_from(&found.postings);
    found.unhit(&slots);
    found.near_postings = slots;
    found.add_hits(|hit| Worth { keywords: 0.0, related: rarity * hit });
}
