//! Misspelt queries, from outside: what was meant reaches words, people, days, near words and the vector.

use std::borrow::Cow;
use std::sync::Arc;

use engine::{
    Bounds, Draft, Embedded, ModelIdentity, NearWord, NewMemory, Reader, Reading, SearchAnswer, SearchQuery,
    Spelling, Store, StoreOptions,
};
use stdx::clock::ManualClock;

/// A language of a few words, each with its vector's place.
#[derive(Debug)]
struct Toy;

const WORDS: [(&str, u32); 8] = [
    ("car", 300),
    ("january", 800),
    ("hide", 900),
    ("helped", 1_200),
    ("the", 1),
    ("take", 150),
    ("water", 250),
    ("caroline", 7_000),
];

fn model() -> ModelIdentity {
    ModelIdentity { name: "toy".into(), revision: "1".into(), dimensions: WORDS.len() + 1 }
}

fn embedded(text: &str) -> Embedded {
    let text = text.to_lowercase();
    let has =
        |word: &str| f32::from(u8::from(text.split(|c: char| !c.is_alphabetic()).any(|one| one == word)));
    let values = WORDS.iter().map(|(word, _)| has(word)).chain([0.05]).collect();
    Embedded { model: model(), values }
}

impl Reader for Toy {
    fn read(&self, text: &str) -> Reading {
        let near = NearWord { of: "car".into(), word: "vehicle".into(), cosine: 0.8 };
        let near_words = if text.contains("car") { vec![near] } else { Vec::new() };
        Reading { embedded: Some(embedded(text)), near_words }
    }

    fn knows_writing_of(&self, _: &str) -> bool {
        true
    }

    fn is_spelt_right(&self, word: &str) -> bool {
        WORDS.iter().any(|(known, _)| *known == word)
    }

    /// Words with one letter more or less, or one other, found the slow way.
    fn spellings(&self, word: &str) -> Vec<Spelling> {
        let is_near = |known: &str| {
            let shorter = |text: &str, at: usize| format!("{}{}", &text[..at], &text[at + 1..]);
            let without = |text: &str| (0..text.len()).map(|at| shorter(text, at)).collect::<Vec<_>>();
            without(known).contains(&word.to_owned())
                || without(word).contains(&known.to_owned())
                || without(known).iter().any(|one| without(word).contains(one) && known.len() == word.len())
        };
        let near = WORDS.iter().filter(|(known, _)| is_near(known));
        near.map(|(word, rank)| Spelling { word: Cow::Borrowed(*word), rank: *rank }).collect()
    }
}

struct Bench {
    store: Store,
    _folder: tempfile::TempDir,
}

/// A store of these memories, each with who said it and when.
fn bench(memories: &[(&str, &str, &str)]) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let store =
        Store::open(&folder.path().join("engram.db"), StoreOptions { clock, model: Some(model()) }).unwrap();
    let draft = |(content, actor, day): &(&str, &str, &str)| Draft {
        memory: NewMemory {
            content: (*content).into(),
            actor: (!actor.is_empty()).then(|| (*actor).into()),
            event_time: Some(format!("{day}T12:00:00Z").parse().unwrap()),
            ..NewMemory::default()
        },
        embedded: Some(embedded(content)),
    };
    store.create(memories.iter().map(draft).collect(), None, Bounds::NONE).unwrap();
    Bench { store, _folder: folder }
}

impl Bench {
    fn ask(&self, text: &str, reader: Option<Arc<dyn Reader>>) -> SearchAnswer {
        let query = SearchQuery {
            text: text.into(),
            embedded: Some(embedded(text)),
            reader,
            limit: 10,
            ..SearchQuery::default()
        };
        self.store.search(&query).unwrap()
    }
}

const MEMORIES: &[(&str, &str, &str)] = &[
    ("We went hiking and got lost, it was a hike to remember", "Nate", "2026-03-01"),
    ("The vehicle broke down again", "Caroline", "2026-01-10"),
    ("She said the party was hyped", "Melanie", "2026-02-02"),
    ("He painted the fence and took a nap", "Caroline", "2026-02-03"),
    ("A water bottle was left behind", "Nate", "2026-02-04"),
    ("I love it, we all love it", "Nate", "2026-02-05"),
];

/// What a query is read as: its corrections, `from>to`.
fn check(bench: &Bench, text: &str, want: &str) {
    let told = |answer: SearchAnswer| -> String {
        let corrections = answer.corrections.into_iter();
        corrections.map(|one| format!("{}>{}", one.from, one.to)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told(bench.ask(text, Some(Arc::new(Toy)))), want, "{text}");
}

#[test]
fn a_word_is_corrected_when_neither_the_store_nor_the_language_has_it() {
    let bench = bench(MEMORIES);
    check(&bench, "bottel", "bottel>bottle");
    // A word of the language that no memory has is no mistake, near as "hike" may be.
    check(&bench, "hide", "");
    // What no memory has and everybody knows is read right all the same.
    check(&bench, "januray", "januray>january");
    // The commoner word, and the plainer slip: a letter left out before a letter mistaken.
    check(&bench, "heped", "heped>helped");
    // Short words of another language do not become English by another letter.
    check(&bench, "wader", "wader>water");
    check(&bench, "tbke", "");
    check(&bench, "xqzzv", "");
}

#[test]
fn a_person_is_known_by_a_misspelt_name_and_an_ending_is_no_mistake() {
    let bench = bench(MEMORIES);
    check(&bench, "nte", "nte>nate");
    check(&bench, "natee", "natee>nate");
    check(&bench, "melani", "melani>melanie");
    check(&bench, "fences", "");
    check(&bench, "hikes", "");
}

#[test]
fn what_was_meant_reaches_every_signal() {
    let bench = bench(MEMORIES);
    let first = |text: &str, reader| -> Option<String> {
        let answer = bench.ask(text, reader);
        answer.hits.into_iter().next().map(|hit| hit.memory.content)
    };
    let toy = || Some(Arc::new(Toy) as Arc<dyn Reader>);
    // The day.
    assert_eq!(first("what broke in Januray", toy()).unwrap(), "The vehicle broke down again");
    // The near word of the corrected one; nobody here says "car".
    assert_eq!(first("caar", toy()).unwrap(), "The vehicle broke down again");
    // The vector: that of the misspelt word is nobody's, so other memories are as near.
    assert_eq!(first("watter", toy()).unwrap(), "A water bottle was left behind");
    let without = bench.ask("watter", None);
    assert_eq!(without.corrections[0].to, "water");
    assert_ne!(without.hits[0].memory.content, "A water bottle was left behind");
}

#[test]
fn without_a_reader_words_are_corrected_by_the_store_alone() {
    let bench = bench(MEMORIES);
    assert_eq!(bench.ask("bottel", None).corrections[0].to, "bottle");
    assert_eq!(bench.ask("januray", None).corrections, []);
}
