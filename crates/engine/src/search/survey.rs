//! In a large store: where it is worth looking closely. Every memory's own words and estimated meaning are added up,
//! block by block so that the sums stay in the processor's caches, and the best memories and their neighbours are the
//! region that the rest of the search looks at.

use std::time::Instant;

use super::best::Best;
use super::candidates::{COSINE_MIN, View};
use super::completeness;
use super::facts::Standing;
use super::lend::within_reach;
use super::length::breadth_share;
use super::look_up::{Word, worth_near};
use super::meaning::estimates;
use super::rank::candidates_kept;
use super::reach::{Parts, add_up, reaches};
use super::weights::Weights;
use crate::index::{Bits, Slot, Slots, TOKENS_GLANCE};
use crate::query::{Completeness, Ranking};
use crate::vector::Signs;

/// Up to this many slots that a filter allows are all in the region.
const FEW_MAX: usize = 20_000;
/// Slots of one block: its sums take 64 KiB. A multiple of what the vectors are kept in.
const BLOCK: usize = 8_192;
/// Slots that are passed over together when none of them is within reach.
const CHUNK: usize = 32;
/// Memories whose sums make the region, beyond those that are kept at last.
const ANCHORS_BEYOND_KEPT: usize = 100;
/// Memories that are in the region for their words alone: they lend to those beside them.
const LENDERS: usize = 200;

/// Where a search looks: slots to choose from, and those that may lend to them.
#[derive(Debug, Default)]
pub(super) struct Region {
    within: Bits,
    ranks: Vec<u32>,
    /// Ascending.
    pub(super) slots: Vec<Slot>,
}

impl Region {
    /// These slots and their neighbours.
    pub(super) fn around(view: View<'_>, slots: impl Iterator<Item = Slot>) -> Self {
        let mut region = Self::default();
        for slot in slots {
            region.add(slot);
            within_reach(view.index, slot, |neighbour| region.add(neighbour));
        }
        region.slots.sort_unstable();
        region.ranks = region.within.ranks();
        region
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.within.has(slot)
    }

    /// Where in `slots` it is.
    #[inline]
    pub(super) fn place(&self, slot: Slot) -> Option<usize> {
        self.within.place(&self.ranks, slot)
    }

    fn add(&mut self, slot: Slot) {
        if self.within.insert(slot) {
            self.slots.push(slot);
        }
    }
}

/// Where it is worth looking for the best `limit`; `None` where everything is looked at: in a store that is not large, and
/// by the baseline.
///
/// Past its deadline it ends with what it has seen.
pub(super) fn region(view: View<'_>, words: &[Word], limit: usize, until: Option<Instant>) -> Option<Region> {
    let is_surveyed = view.index.is_large() && view.plan.ranking == Ranking::Hybrid;
    is_surveyed.then(|| match view.allowed {
        Some(few) if few.len() <= FEW_MAX => Region::around(view, few.iter().copied()),
        Some(_) | None => survey(view, words, candidates_kept(limit), until),
    })
}

/// The region of the best `keep` memories.
fn survey(view: View<'_>, words: &[Word], keep: usize, until: Option<Instant>) -> Region {
    let mut survey = Survey::new(view, words, keep);
    for start in (0..view.index.slots()).step_by(BLOCK) {
        if completeness(until) == Completeness::DeadlineReached {
            break;
        }
        survey.look_at(start as Slot);
    }
    let anchors = survey.anchors.take().into_iter().chain(survey.lenders.take());
    Region::around(view, anchors.map(|(_, slot)| slot))
}

/// The way through the store.
struct Survey<'a> {
    view: View<'a>,
    words: Vec<Ahead<'a>>,
    vector: Option<&'a Signs>,
    /// What each number of differing signs is worth.
    meanings: Vec<f32>,
    /// One that is not greater says nothing.
    meaning_min: f32,
    weights: &'static Weights,
    standing: Standing<'a>,
    /// What a memory keeps of its words' worth, by a glance at its length.
    shares: Vec<f32>,
    /// Slots the filter allows; all when absent.
    allowed: Option<Bits>,
    anchors: Best,
    lenders: Best,
    block: Block,
}

/// Sums and hits of one block.
#[derive(Default)]
struct Block {
    sums: Vec<f32>,
    hits: Vec<f32>,
    hit: Vec<usize>,
    differing: Vec<u16>,
    /// What each slot has, roughly.
    totals: Vec<f32>,
}

/// What is left of the lists of one word.
struct Ahead<'a> {
    own: Option<Cursor<'a>>,
    worth: f32,
    near: Vec<(Cursor<'a>, f32)>,
    worth_near: f32,
}

/// A place in a list.
struct Cursor<'a> {
    next: Option<Slot>,
    rest: Slots<'a>,
}

impl<'a> Cursor<'a> {
    fn new(mut rest: Slots<'a>) -> Self {
        Self { next: rest.next(), rest }
    }

    /// Visits the slots from `start` to before `end`, as distances from `start`; skips those before.
    fn visit(&mut self, start: Slot, end: Slot, mut visit: impl FnMut(usize)) {
        while let Some(slot) = self.next.filter(|slot| *slot < end) {
            if slot >= start {
                visit((slot - start) as usize);
            }
            self.next = self.rest.next();
        }
    }
}

impl<'a> Survey<'a> {
    fn new(view: View<'a>, words: &'a [Word], keep: usize) -> Self {
        let weights = Weights::of(view.plan.ranking);
        let standing = Standing::of(view.plan, view.index);
        let ahead = |word: &'a Word| Ahead {
            own: word.own.as_ref().map(|list| Cursor::new(list.slots())),
            worth: word.worth * weights.keywords,
            near: word.near.iter().map(|(list, cosine)| (Cursor::new(list.slots()), *cosine)).collect(),
            worth_near: worth_near(view.index, word.near_count()) * weights.related,
        };
        let vector = view.plan.signs.as_ref();
        let mut meanings = estimates(vector.map_or(0, Signs::dimensions));
        meanings.resize(meanings.len().next_power_of_two(), 0.0);
        Self {
            view,
            words: words.iter().map(ahead).collect(),
            vector,
            meanings: meanings.into_iter().map(|cosine| cosine * weights.meaning).collect(),
            meaning_min: if vector.is_some() { COSINE_MIN * weights.meaning } else { f32::INFINITY },
            weights,
            standing,
            shares: (0..256)
                .map(|glance| breadth_share(Ranking::Hybrid, glance * TOKENS_GLANCE, 1.0))
                .collect(),
            allowed: view.allowed.map(|slots| slots.iter().copied().collect()),
            anchors: Best::new(keep + ANCHORS_BEYOND_KEPT),
            lenders: Best::new(LENDERS),
            block: Block { sums: vec![0.0; BLOCK], hits: vec![0.0; BLOCK], ..Block::default() },
        }
    }

    /// Looks at all slots of the block that begins at `start`.
    fn look_at(&mut self, start: Slot) {
        let end = (start as usize + BLOCK).min(self.view.index.slots());
        self.add_words(start, end as Slot);
        let mut block = std::mem::take(&mut self.block);
        let (sums, differing) = (&block.sums[..end - start as usize], &mut block.differing);
        differing.clear();
        differing.resize(sums.len(), 0);
        if let Some(vector) = self.vector {
            self.view.index.differing_signs(vector, start, differing);
        }
        let (glances, actors) = self.view.index.glances_from(start);
        let (meanings, asked) = (&self.meanings, self.standing.actors());
        let parts = Parts { words: sums, differing, meanings, glances, actors, asked };
        add_up(&parts, self.weights, &mut block.totals);
        self.standing.add_days(self.weights, start, &mut block.totals);
        for (first, totals) in (0..).step_by(CHUNK).zip(block.totals.chunks(CHUNK)) {
            if reaches(totals, self.anchors.floor()) {
                for (at, total) in (first..).zip(totals) {
                    if *total >= self.anchors.floor()
                        && (sums[at] > 0.0 || self.meanings[usize::from(differing[at])] > self.meaning_min)
                    {
                        // A long memory holds any word more easily.
                        let lost = sums[at] * (1.0 - self.shares[glances.tokens[at] as usize]);
                        self.consider(start + at as Slot, total - lost);
                    }
                }
            }
        }
        for (first, sums) in (start..).step_by(CHUNK).zip(sums.chunks(CHUNK)) {
            // Which of equals lends matters less than how many are looked at.
            if reaches(sums, self.lenders.floor().max(0.0).next_up()) {
                let View { index, now_ms, .. } = self.view;
                let lenders = (first..).zip(sums).filter(|(_, words)| **words > 0.0);
                let lenders = lenders.filter(|(slot, _)| index.is_live(*slot, now_ms));
                lenders.for_each(|(slot, words)| self.lenders.add(*words, slot));
            }
        }
        self.block = block;
    }

    /// Adds up what the words are worth in the slots from `start` to before `end`.
    fn add_words(&mut self, start: Slot, end: Slot) {
        let Block { sums, hits, hit, .. } = &mut self.block;
        sums.fill(0.0);
        for word in &mut self.words {
            for (cursor, cosine) in &mut word.near {
                cursor.visit(start, end, |at| {
                    if hits[at] == 0.0 {
                        hit.push(at);
                    }
                    hits[at] = hits[at].max(*cosine);
                });
            }
            if let Some(cursor) = &mut word.own {
                cursor.visit(start, end, |at| {
                    sums[at] += word.worth;
                    hits[at] = 0.0;
                });
            }
            for at in hit.drain(..) {
                sums[at] += word.worth_near * std::mem::take(&mut hits[at]);
            }
        }
    }

    fn consider(&mut self, slot: Slot, sum: f32) {
        let is_allowed = self.allowed.as_ref().is_none_or(|allowed| allowed.has(slot));
        if is_allowed && sum >= self.anchors.floor() && self.view.index.is_live(slot, self.view.now_ms) {
            self.anchors.add(sum, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use serde_json::json;
    use stdx::clock::ManualClock;

    use crate::bounds::Bounds;
    use crate::filter::Filter;
    use crate::index::Sizes;
    use crate::memory::{Change, Draft, MemoryId, MemoryPatch, NewMemory};
    use crate::query::{NearWord, SearchQuery};
    use crate::store::{Store, StoreOptions};
    use crate::vector::{Embedded, ModelIdentity};

    const DIMENSIONS: usize = 256;
    /// More than two blocks.
    const MEMORIES: u64 = 18_000;

    /// Numbers that look random; the same seed makes the same ones.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }

        /// Words that are stemmed to themselves; small numbers are frequent.
        fn words(&mut self, count: u64) -> Vec<String> {
            (0..count).map(|_| format!("w{}", self.below(4_000).min(self.below(4_000)))).collect()
        }

        /// One of 300 directions, and as much of everything else.
        fn vector(&mut self) -> Option<Embedded> {
            let mut direction = Self(self.below(300) * 1_000_003);
            let part = |numbers: &mut Self| numbers.below(2_001) as f32 / 1_000.0 - 1.0;
            let values = (0..DIMENSIONS).map(|_| part(&mut direction) + part(self)).collect();
            Some(Embedded { model: model(), values })
        }

        fn memory(&mut self, number: u64) -> NewMemory {
            let count = 3 + self.below(30);
            NewMemory {
                content: self.words(count).join(" "),
                session_id: (!number.is_multiple_of(5)).then(|| format!("s{}", number / 20)),
                actor: Some(["Anna", "Ben", "Carla"][self.below(3) as usize].to_owned()),
                user_id: Some(format!("u{}", number % 7)),
                importance: Some(self.below(11) as f64 / 10.0),
                event_time: format!("2024-{:02}-{:02}T12:00:00Z", 1 + self.below(12), 1 + self.below(28))
                    .parse()
                    .ok(),
                ..NewMemory::default()
            }
        }

        fn query(&mut self) -> SearchQuery {
            let count = 1 + self.below(5);
            let words = self.words(count);
            let near = words.iter().map(|word| {
                let near = format!("w{}", self.below(4_000)).into();
                NearWord { of: word.clone(), word: near, cosine: 0.7 }
            });
            let near_words = near.collect();
            let ending = ["", " Ben", " in May 2024"][self.below(3) as usize];
            SearchQuery {
                text: words.join(" ") + ending,
                near_words,
                embedded: self.vector(),
                limit: 10,
                ..SearchQuery::default()
            }
        }
    }

    fn model() -> ModelIdentity {
        ModelIdentity { name: "toy".into(), revision: "1".into(), dimensions: DIMENSIONS }
    }

    fn open(file: &Path, sizes: Sizes) -> Store {
        let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
        let options = StoreOptions { clock: Arc::clone(&clock) as _, model: Some(model()) };
        Store::open_sized(file, options, sizes).unwrap()
    }

    /// Searches a store as small ones are searched, and the same file as large and as huge ones are.
    #[test]
    fn a_large_store_is_searched_like_a_small_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engram.db");
        let mut numbers = Numbers(3);
        let small = open(&file, Sizes { searched_whole_max: usize::MAX, ..Sizes::default() });
        for start in (0..MEMORIES).step_by(1_000) {
            let draft = |number| Draft { memory: numbers.memory(number), embedded: numbers.vector() };
            let drafts = (start..start + 1_000).map(draft).collect();
            small.create(drafts, None, Bounds::NONE).unwrap();
        }
        let large = Sizes { searched_whole_max: 1_000, ..Sizes::default() };
        let huge = Sizes { searched_whole_max: 1_000, postings_whole_max: 1_000, codes_kept_max: 1_000 };
        for (name, sizes) in [("large", large), ("huge", huge)] {
            compare(name, &small, &open(&file, sizes), &mut numbers);
        }
    }

    /// Changes what `other` holds, and compares what both find.
    fn compare(name: &str, small: &Store, other: &Store, numbers: &mut Numbers) {
        // The index is there before the changes, and follows them.
        other.search(&numbers.query()).unwrap();
        let mut marked = Vec::new();
        for _ in 0..40 {
            let (gone, changed) = (numbers.below(MEMORIES) as MemoryId, numbers.below(MEMORIES) as MemoryId);
            // Some are gone already.
            let _ = other.delete(gone);
            let patch =
                MemoryPatch { content: Change::Set(format!("marked {name} w7")), ..MemoryPatch::default() };
            if other.update(changed, patch, None, numbers.vector(), Bounds::NONE).is_ok() {
                marked.push(changed);
            }
        }
        small.release_memory();
        let filters = [None, Some(json!({"user_id": "u3"})), Some(json!({"user_id": {"ne": "u3"}}))];
        for filter in filters {
            let filter = filter.map(|filter| Filter::parse(&filter).unwrap());
            let (mut same, mut first, mut asked) = (0, 0, 0);
            for _ in 0..60 {
                let query = SearchQuery { filter: filter.clone(), ..numbers.query() };
                let found = |store: &Store| -> Vec<MemoryId> {
                    store.search(&query).unwrap().hits.into_iter().map(|hit| hit.memory.id).collect()
                };
                let (want, found) = (found(small), found(other));
                assert_eq!((want.len(), found.len()), (10, 10));
                first += usize::from(want[0] == found[0]);
                same += want.iter().filter(|id| found.contains(id)).count();
                asked += 10;
            }
            assert!(
                same * 100 >= asked * 96 && first >= 55,
                "{name} {filter:?}: {same} of {asked}, {first} first"
            );
        }
        let query = SearchQuery { text: format!("marked {name}"), limit: 1_000, ..SearchQuery::default() };
        let found = other.search(&query).unwrap().hits;
        marked.retain(|id| other.get(*id).is_ok());
        let lost = marked.iter().filter(|id| !found.iter().any(|hit| hit.memory.id == **id));
        assert_eq!(lost.collect::<Vec<_>>(), Vec::<&MemoryId>::new(), "{name}");
    }

    /// Stores `texts` with the days they happened on, and asks the store as a small and as a large one.
    fn ask(
        texts: &[(String, &str)],
        gone: std::ops::Range<usize>,
        query: &SearchQuery,
    ) -> [Vec<MemoryId>; 2] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engram.db");
        let large = Sizes { searched_whole_max: 100, ..Sizes::default() };
        let stores = [open(&file, Sizes { searched_whole_max: usize::MAX, ..large }), open(&file, large)];
        for texts in texts.chunks(1_000) {
            let memory = |(text, day): &(String, &str)| NewMemory {
                content: text.clone(),
                session_id: Some("one".into()),
                event_time: format!("{day}T12:00:00Z").parse().ok(),
                ..NewMemory::default()
            };
            let drafts = texts.iter().map(|text| Draft { memory: memory(text), embedded: None });
            stores[0].create(drafts.collect(), None, Bounds::NONE).unwrap();
        }
        stores[1].search(query).unwrap();
        for at in gone {
            stores[1].delete(at as MemoryId + 1).unwrap();
        }
        stores.map(|store| store.search(query).unwrap().hits.into_iter().map(|hit| hit.memory.id).collect())
    }

    fn query(text: &str) -> SearchQuery {
        SearchQuery { text: text.into(), limit: 10, ..SearchQuery::default() }
    }

    #[test]
    fn the_newest_of_equals_are_found() {
        let texts = vec![("build passed".to_owned(), "2024-01-01"); 2_000];
        let newest: Vec<MemoryId> = (1_991..=2_000).rev().collect();
        assert_eq!(ask(&texts, 0..0, &query("build passed")), [newest.clone(), newest]);
    }

    #[test]
    fn memories_of_the_day_without_a_word_of_the_query_do_not_crowd_out_those_that_have_one() {
        let filler = "nothing of note was said here by anybody at all today";
        let mut texts: Vec<_> = (0..2_000).map(|at| (format!("{filler} n{at}"), "2024-05-08")).collect();
        texts.extend((0..400).map(|at| (format!("pizza p{at}"), "2024-07-01")));
        let [small, large] = ask(&texts, 0..0, &SearchQuery { limit: 400, ..query("pizza in May 2024") });
        assert_eq!((small.len(), large), (400, small));
    }

    #[test]
    fn removed_memories_lend_to_nobody_and_take_nobodys_place() {
        let mut texts: Vec<_> = (0..400).map(|_| ("zebra quagga".to_owned(), "2024-01-01")).collect();
        texts.extend((0..2_000).map(|at| (format!("plain words about the weather of w{at}"), "2024-01-01")));
        texts.push(("who saw the zebra".to_owned(), "2024-01-01"));
        texts.push(("Anna saw it near the river with her own eyes".to_owned(), "2024-01-01"));
        let [small, large] = ask(&texts, 0..400, &query("zebra quagga"));
        assert_eq!(small[..2], large[..2]);
        assert_eq!(large[0], 2_402, "the answer beside the question");
    }
}
