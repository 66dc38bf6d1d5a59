//! The fast ways of a search against plain ones: sums over words as the formula says them, and every vector compared.

mod dice;

use std::collections::BTreeMap;
use std::sync::Arc;

use dice::Dice;
use engine::{
    Bounds, Change, Draft, Embedded, Explain, Filter, Hit, MemoryId, MemoryPatch, ModelIdentity, NearWord,
    NewMemory, SearchQuery, Store, StoreOptions,
};
use serde_json::json;
use stdx::clock::ManualClock;

const DIMENSIONS: usize = 256;

impl Dice {
    /// Words that are stemmed to themselves; small numbers are frequent.
    fn words(&mut self, count: usize, vocabulary: usize) -> Vec<String> {
        (0..count).map(|_| format!("w{}", self.below(vocabulary).min(self.below(vocabulary)))).collect()
    }

    /// One of `topics` directions, and as much of everything else.
    fn vector(&mut self, topics: usize) -> Vec<f32> {
        let topic = self.below(topics) as u64;
        let mut direction = Dice(topic * 1_000_003);
        let part = |dice: &mut Dice| dice.below(2_001) as f32 / 1_000.0 - 1.0;
        (0..DIMENSIONS).map(|_| part(&mut direction) + part(self)).collect()
    }
}

fn model() -> ModelIdentity {
    ModelIdentity { name: "toy".into(), revision: "1".into(), dimensions: DIMENSIONS }
}

fn open(folder: &std::path::Path) -> Store {
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let options = StoreOptions { clock: Arc::clone(&clock) as _, model: Some(model()) };
    Store::open(&folder.join("engram.db"), options).unwrap()
}

fn embedded(values: Vec<f32>) -> Option<Embedded> {
    Some(Embedded { model: model(), values })
}

/// One memory as the formula sees it.
struct Plain {
    words: Vec<String>,
    session: Option<usize>,
    position: usize,
}

/// BM25's idf, hits lent within the session, near words where the word itself is missing: docs/retrieval.md.
fn plain_sums(
    memories: &BTreeMap<MemoryId, Plain>,
    terms: &[String],
    near: &[NearWord],
) -> BTreeMap<MemoryId, (f64, f64)> {
    let count = memories.len() as f64;
    let idf =
        |frequency: usize| (1.0 + (count - frequency as f64 + 0.5).max(0.0) / (frequency as f64 + 0.5)).ln();
    let holds = |memory: &Plain, word: &str| memory.words.iter().any(|own| own == word);
    let mut sums: BTreeMap<MemoryId, (f64, f64)> = BTreeMap::new();
    for term in terms {
        let holders: Vec<&Plain> = memories.values().filter(|memory| holds(memory, term)).collect();
        let near_hit = |memory: &Plain| {
            let of_term = near.iter().filter(|near| near.of == *term && holds(memory, &near.word));
            of_term.map(|near| f64::from(near.cosine)).fold(0.0, f64::max)
        };
        let near_count = memories.values().filter(|memory| near_hit(memory) > 0.0).count();
        for (id, memory) in memories {
            let lent =
                holders.iter().filter(|other| memory.session.is_some() && other.session == memory.session);
            let lent = lent.map(|other| {
                let distance = memory.position as f64 - other.position as f64;
                let hit = (-distance.abs() / if distance > 0.0 { 65.0 } else { 35.0 }).exp();
                if hit >= 0.05 { hit } else { 0.0 }
            });
            let own = holds(memory, term);
            let hit = if own { 1.0 } else { lent.fold(0.0, f64::max) };
            let related = if own { 0.0 } else { near_hit(memory) };
            let sum = sums.entry(*id).or_default();
            sum.0 += idf(holders.len()) * hit;
            sum.1 += idf(near_count) * related;
        }
    }
    sums.retain(|_, (keywords, related)| *keywords > 0.0 || *related > 0.0);
    sums
}

fn signal(hit: &Hit, name: &str) -> f64 {
    hit.explanation.as_ref().unwrap().signals.iter().find(|signal| signal.name == name).unwrap().value
}

#[test]
fn words_are_worth_what_the_formula_says_after_any_change_and_after_a_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let mut dice = Dice(7);
    let (mut memories, mut ends) = (BTreeMap::new(), BTreeMap::<usize, usize>::new());
    for round in 0..6 {
        for _ in 0..60 {
            let count = 1 + dice.below(30);
            let words = dice.words(count, 80);
            let session = Some(dice.below(9)).filter(|session| *session > 0);
            let end = session.map_or(0, |session| {
                let end = ends.entry(session).or_default();
                std::mem::replace(end, *end + words.len())
            });
            let memory = NewMemory {
                content: words.join(" "),
                session_id: session.map(|session| format!("s{session}")),
                ..NewMemory::default()
            };
            let stored = store.create(vec![Draft { memory, embedded: None }], None, Bounds::NONE).unwrap();
            memories.insert(stored.items[0].memory.id, Plain { words, session, position: end });
        }
        for _ in 0..15 {
            let ids: Vec<MemoryId> = memories.keys().copied().collect();
            let (gone, changed) = (ids[dice.below(ids.len())], ids[dice.below(ids.len())]);
            let words = dice.words(12, 80);
            let patch = MemoryPatch { content: Change::Set(words.join(" ")), ..MemoryPatch::default() };
            store.update(changed, patch, None, None, Bounds::NONE).unwrap();
            memories.get_mut(&changed).unwrap().words = words;
            store.delete(gone).unwrap();
            memories.remove(&gone);
        }
        for _ in 0..10 {
            let mut terms = dice.words(3, 80);
            terms.sort();
            terms.dedup();
            let near =
                dice.words(6, 80).into_iter().zip(terms.iter().cycle()).filter(|(word, of)| word != *of);
            let near: Vec<NearWord> = near
                .zip([0.9, 0.6, 0.7, 0.8, 0.65, 0.75])
                .map(|((word, of), cosine)| NearWord { of: of.clone(), word: word.into(), cosine })
                .collect();
            let query = SearchQuery {
                text: terms.join(" "),
                near_words: near.clone(),
                limit: 500,
                explain: Explain::Yes,
                ..SearchQuery::default()
            };
            let hits = store.search(&query).unwrap().hits;
            let want = plain_sums(&memories, &terms, &near);
            let found: Vec<MemoryId> = {
                let mut ids: Vec<_> = hits.iter().map(|hit| hit.memory.id).collect();
                ids.sort_unstable();
                ids
            };
            assert_eq!(found, want.keys().copied().collect::<Vec<_>>(), "round {round}, {}", query.text);
            for hit in &hits {
                let (keywords, related) = want[&hit.memory.id];
                let off =
                    (signal(hit, "keywords") - keywords).abs() + (signal(hit, "related") - related).abs();
                assert!(off < 1e-3, "round {round}, {}: {keywords} {related} {hit:?}", query.text);
            }
        }
        // Every other round goes on with what the file says.
        if round % 2 == 0 {
            store.release_memory();
        } else {
            drop(store);
            store = open(folder.path());
        }
    }
}

#[test]
fn estimated_vectors_find_what_comparing_every_vector_finds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut dice = Dice(11);
    for batch in 0..5 {
        let drafts = (0..960).map(|number| {
            let memory = NewMemory {
                content: dice.words(12, 3_000).join(" "),
                // A filter with an index that keeps few enough is asked first, and all it keeps are compared.
                user_id: Some("all".into()),
                session_id: (number % 3 > 0).then(|| format!("s{batch}-{}", number / 20)),
                importance: Some(dice.below(11) as f64 / 10.0),
                ..NewMemory::default()
            };
            Draft { memory, embedded: embedded(dice.vector(60)) }
        });
        let drafts = drafts.collect();
        store.create(drafts, None, Bounds::NONE).unwrap();
    }
    let everything = Some(Filter::parse(&json!({"user_id": "all"})).unwrap());
    let (mut same, mut asked) = (0, 0);
    for _ in 0..60 {
        let count = dice.below(5);
        let text = format!("of {}", dice.words(count, 3_000).join(" "));
        let fast =
            SearchQuery { text, embedded: embedded(dice.vector(60)), limit: 10, ..SearchQuery::default() };
        let plain = SearchQuery { filter: everything.clone(), ..fast.clone() };
        let ids = |query| {
            store.search(query).unwrap().hits.into_iter().map(|hit| hit.memory.id).collect::<Vec<_>>()
        };
        let (fast, plain) = (ids(&fast), ids(&plain));
        assert_eq!((fast.len(), plain.len(), fast[0]), (10, 10, plain[0]), "the best one differs");
        same += fast.iter().filter(|id| plain.contains(id)).count();
        asked += 10;
    }
    assert!(same * 100 >= asked * 98, "{same} of {asked}");
}
