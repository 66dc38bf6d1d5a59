//! Large and huge stores against the same file searched as a small one.

#[path = "../../../tests/dice/mod.rs"]
mod dice;

use std::path::Path;
use std::sync::Arc;

use dice::Dice;
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
const MEMORIES: usize = 18_000;

impl Dice {
    /// Words that are stemmed to themselves; small dice are frequent.
    fn words(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| format!("w{}", self.below(4_000).min(self.below(4_000)))).collect()
    }

    /// One of 300 directions, and as much of everything else.
    fn vector(&mut self) -> Option<Embedded> {
        let mut direction = Self(self.below(300) as u64 * 1_000_003);
        let part = |dice: &mut Self| dice.below(2_001) as f32 / 1_000.0 - 1.0;
        let values = (0..DIMENSIONS).map(|_| part(&mut direction) + part(self)).collect();
        Some(Embedded { model: model(), values })
    }

    fn memory(&mut self, number: usize) -> NewMemory {
        let count = 3 + self.below(30);
        NewMemory {
            content: self.words(count).join(" "),
            session_id: (!number.is_multiple_of(5)).then(|| format!("s{}", number / 20)),
            actor: Some(["Anna", "Ben", "Carla"][self.below(3)].to_owned()),
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
        let ending = ["", " Ben", " in May 2024"][self.below(3)];
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
    let mut dice = Dice(3);
    let small = open(&file, Sizes { searched_whole_max: usize::MAX, ..Sizes::default() });
    for start in (0..MEMORIES).step_by(1_000) {
        let draft = |number| Draft { memory: dice.memory(number), embedded: dice.vector() };
        let drafts = (start..start + 1_000).map(draft).collect();
        small.create(drafts, None, Bounds::NONE).unwrap();
    }
    let large = Sizes { searched_whole_max: 1_000, ..Sizes::default() };
    let huge = Sizes { searched_whole_max: 1_000, postings_whole_max: 1_000, codes_kept_max: 1_000 };
    for (name, sizes) in [("large", large), ("huge", huge)] {
        compare(name, &small, &open(&file, sizes), &mut dice);
    }
}

/// Changes what `other` holds, and compares what both find.
fn compare(name: &str, small: &Store, other: &Store, dice: &mut Dice) {
    // The index is there before the changes, and follows them.
    other.search(&dice.query()).unwrap();
    let mut marked = Vec::new();
    for _ in 0..40 {
        let (gone, changed) = (dice.below(MEMORIES) as MemoryId, dice.below(MEMORIES) as MemoryId);
        // Some are gone already.
        let _ = other.delete(gone);
        let patch =
            MemoryPatch { content: Change::Set(format!("marked {name} w7")), ..MemoryPatch::default() };
        if other.update(changed, patch, None, dice.vector(), Bounds::NONE).is_ok() {
            marked.push(changed);
        }
    }
    small.release_memory();
    let filters = [None, Some(json!({"user_id": "u3"})), Some(json!({"user_id": {"ne": "u3"}}))];
    for filter in filters {
        let filter = filter.map(|filter| Filter::parse(&filter).unwrap());
        let (mut same, mut first, mut asked) = (0, 0, 0);
        for _ in 0..60 {
            let query = SearchQuery { filter: filter.clone(), ..dice.query() };
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
fn ask(texts: &[(String, &str)], gone: std::ops::Range<usize>, query: &SearchQuery) -> [Vec<MemoryId>; 2] {
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
