//! The store from outside: what is acknowledged is there, what failed changed nothing, and search finds it.

use std::sync::Arc;

use engine::{
    Bounds, Change, DeleteMode, Draft, Embedded, EmbeddingState, EngineError, Explain, Filter, Idempotency,
    ListQuery, Memory, MemoryPatch, ModelIdentity, NearWord, NewMemory, Order, Outcome, RevisionChange,
    SearchQuery, Store, StoreOptions, Tier,
};
use jiff::Timestamp;
use serde_json::json;
use stdx::clock::ManualClock;

struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let store = open(folder.path(), &clock);
    Bench { store, clock, _folder: folder }
}

fn open(folder: &std::path::Path, clock: &Arc<ManualClock>) -> Store {
    let options = StoreOptions { clock: Arc::clone(clock) as _, model: Some(model("toy")) };
    Store::open(&folder.join("engram.db"), options).unwrap()
}

fn model(name: &str) -> ModelIdentity {
    ModelIdentity { name: name.into(), revision: "1".into(), dimensions: 3 }
}

/// A vector by hand: animals, weather, everything else.
fn embedded(text: &str) -> Embedded {
    let has = |words: &[&str]| f32::from(u8::from(words.iter().any(|word| text.contains(word))));
    let values = vec![has(&["dog", "cat", "puppy"]), has(&["rain", "storm", "sun"]), 0.05];
    Embedded { model: model("toy"), values }
}

fn memory(content: &str) -> NewMemory {
    NewMemory { content: content.into(), ..NewMemory::default() }
}

impl Bench {
    fn add(&self, new: NewMemory) -> Memory {
        let embedded = Some(embedded(&new.content));
        let mut stored =
            self.store.create(vec![Draft { memory: new, embedded }], None, Bounds::NONE).unwrap();
        stored.items.remove(0).memory
    }

    fn search(&self, text: &str) -> Vec<String> {
        self.search_with(SearchQuery { text: text.into(), ..SearchQuery::default() })
    }

    fn search_with(&self, query: SearchQuery) -> Vec<String> {
        let query = SearchQuery { embedded: Some(embedded(&query.text)), limit: 10, ..query };
        self.store.search(&query).unwrap().hits.into_iter().map(|hit| hit.memory.content).collect()
    }

    fn count(&self) -> usize {
        self.store.list(&ListQuery { limit: 100, ..ListQuery::default() }).unwrap().items.len()
    }
}

fn filter(value: serde_json::Value) -> Option<Filter> {
    Some(Filter::parse(&value).unwrap())
}

#[test]
fn a_memory_comes_back_with_every_field() {
    let bench = bench();
    let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let serde_json::Value::Object(metadata) = json!({"a": {"b": [1, true, null]}}) else { unreachable!() };
    let given = NewMemory {
        content: "the dog sleeps".into(),
        kind: Some("fact".into()),
        tags: vec!["x".into(), "y".into(), "x".into()],
        metadata: metadata.clone(),
        importance: Some(0.9),
        workspace: Some("Team.A".into()),
        user_id: Some("u".into()),
        agent_id: Some("a".into()),
        session_id: Some("s".into()),
        actor: Some("Anna".into()),
        tier: Some(Tier::Daily),
        expires_at: None,
        event_time: time("2023-05-08T13:56:00.123456Z"),
        valid_from: time("2023-05-08T00:00:00Z"),
        valid_to: time("2024-05-08T00:00:00Z"),
        superseded_by: None,
        custom_id: Some("c".into()),
    };
    let stored = bench.add(given);
    assert_eq!(stored, bench.store.get(stored.id).unwrap());
    assert_eq!((stored.id, stored.version, stored.workspace.as_str()), (1, 1, "team.a"));
    assert_eq!((stored.tags.join(","), stored.metadata.clone()), ("x,y".into(), metadata));
    assert_eq!(stored.event_time, time("2023-05-08T13:56:00.123Z"));
    assert_eq!(stored.expires_at, time("2026-11-25T10:00:00Z"));
    assert_eq!(stored.embedding, EmbeddingState::Ready);
}

#[test]
fn a_batch_is_all_or_nothing_and_names_each_problem() {
    let bench = bench();
    let drafts = ["ok", "", "fine", " "].map(|text| Draft { memory: memory(text), embedded: None });
    let Err(EngineError::Invalid(problems)) = bench.store.create(drafts.to_vec(), None, Bounds::NONE) else {
        panic!()
    };
    let places: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
    assert_eq!(places, ["[1].content", "[3].content"]);
    assert_eq!(bench.count(), 0);
    let late = NewMemory { superseded_by: Some(99), ..memory("b") };
    let drafts = [memory("a"), late].map(|memory| Draft { memory, embedded: None });
    assert!(matches!(bench.store.create(drafts.to_vec(), None, Bounds::NONE), Err(EngineError::Invalid(_))));
    assert_eq!(bench.count(), 0);
    assert_eq!(bench.search("a"), Vec::<String>::new());
}

#[test]
fn ids_are_never_reused() {
    let bench = bench();
    let first = bench.add(memory("one"));
    let second = bench.add(memory("two"));
    bench.store.delete(second.id).unwrap();
    assert!(bench.add(memory("three")).id > second.id);
    assert!(matches!(bench.store.get(second.id), Err(EngineError::MemoryNotFound(2))));
    assert_eq!(bench.store.get(first.id).unwrap().content, "one");
}

#[test]
fn a_known_custom_id_updates_once_and_then_changes_nothing() {
    let bench = bench();
    let keyed = |content: &str| NewMemory { custom_id: Some("k".into()), ..memory(content) };
    let draft = |content: &str| vec![Draft { memory: keyed(content), embedded: None }];
    let first = bench.store.create(draft("old"), None, Bounds::NONE).unwrap().items.remove(0);
    let second = bench.store.create(draft("new"), None, Bounds::NONE).unwrap().items.remove(0);
    let third = bench.store.create(draft("new"), None, Bounds::NONE).unwrap().items.remove(0);
    assert_eq!(
        (first.outcome, second.outcome, third.outcome),
        (Outcome::Created, Outcome::Updated, Outcome::Updated)
    );
    assert_eq!((second.memory.id, second.memory.version, third.memory.version), (first.memory.id, 2, 2));
    assert_eq!(bench.search("new"), ["new"]);
    assert_eq!(bench.search("old"), Vec::<String>::new());
    let elsewhere = NewMemory { workspace: Some("other".into()), ..keyed("new") };
    assert_ne!(bench.add(elsewhere).id, first.memory.id);
}

#[test]
fn an_idempotency_key_makes_a_create_happen_once() {
    let bench = bench();
    let ask = |content: &str, fingerprint: u8| {
        let key = Idempotency { key: "k".into(), fingerprint: [fingerprint; 32] };
        bench.store.create(vec![Draft { memory: memory(content), embedded: None }], Some(key), Bounds::NONE)
    };
    let first = ask("a", 1).unwrap();
    let again = ask("a", 1).unwrap();
    assert_eq!(first.items[0].memory.id, again.items[0].memory.id);
    assert_eq!((first.created, again.created), (1, 0));
    assert!(matches!(ask("b", 2), Err(EngineError::IdempotencyKeyReused)));
    assert_eq!(bench.count(), 1);
}

#[test]
fn updates_check_the_version_keep_history_and_revert() {
    let bench = bench();
    let id = bench.add(memory("the dog sleeps")).id;
    let set = |content: &str| MemoryPatch { content: Change::Set(content.into()), ..MemoryPatch::default() };
    let update = |content: &str, version| {
        bench.store.update(id, set(content), version, Some(embedded(content)), Bounds::NONE)
    };
    assert_eq!(update("rain again", Some(1)).unwrap().memory.version, 2);
    let Err(EngineError::VersionConflict { current: 2, .. }) = update("x", Some(1)) else { panic!() };
    assert_eq!(bench.search("dog"), ["rain again"; 0]);
    assert_eq!(bench.search("rain"), ["rain again"]);
    let back =
        bench.store.revert(id, 1, None, Some(embedded("the dog sleeps")), Bounds::NONE).unwrap().memory;
    assert_eq!((back.version, back.content.as_str()), (3, "the dog sleeps"));
    let history = bench.store.history(id).unwrap();
    let told: Vec<_> =
        history.iter().map(|r| (r.memory.version, r.change, r.memory.content.as_str())).collect();
    assert_eq!(
        told,
        [
            (3, RevisionChange::Reverted, "the dog sleeps"),
            (2, RevisionChange::Updated, "rain again"),
            (1, RevisionChange::Created, "the dog sleeps"),
        ]
    );
    assert!(matches!(
        bench.store.revert(id, 9, None, None, Bounds::NONE),
        Err(EngineError::VersionNotFound { .. })
    ));
    bench.store.delete(id).unwrap();
    assert!(matches!(bench.store.history(id), Err(EngineError::MemoryNotFound(_))));
}

#[test]
fn a_patch_keeps_what_is_absent_and_clears_what_is_null() {
    let bench = bench();
    let id = bench.add(NewMemory { actor: Some("Anna".into()), importance: Some(0.9), ..memory("a") }).id;
    let patch =
        MemoryPatch { importance: Change::Clear, tier: Change::Set(Tier::Daily), ..MemoryPatch::default() };
    let memory = bench.store.update(id, patch, None, None, Bounds::NONE).unwrap().memory;
    assert_eq!((memory.actor.as_deref(), memory.importance, memory.tier), (Some("Anna"), 0.5, Tier::Daily));
    assert!(memory.expires_at.is_some());
    let patch =
        MemoryPatch { tier: Change::Set(Tier::Permanent), actor: Change::Clear, ..MemoryPatch::default() };
    let memory = bench.store.update(id, patch, None, None, Bounds::NONE).unwrap().memory;
    assert_eq!((memory.actor, memory.expires_at), (None, None));
    let patch = MemoryPatch { content: Change::Clear, ..MemoryPatch::default() };
    assert!(matches!(bench.store.update(id, patch, None, None, Bounds::NONE), Err(EngineError::Invalid(_))));
}

#[test]
fn nothing_is_found_after_its_expiry_or_deletion() {
    let bench = bench();
    let day = NewMemory { tier: Some(Tier::Daily), custom_id: Some("k".into()), ..memory("puppy training") };
    let id = bench.add(day).id;
    bench.add(NewMemory { session_id: Some("s".into()), ..memory("storm warning") });
    assert_eq!(bench.search("puppy"), ["puppy training"]);
    bench.clock.advance_ms(24 * 60 * 60 * 1_000);
    assert_eq!(bench.search("puppy"), Vec::<String>::new());
    assert_eq!(bench.count(), 1);
    assert!(matches!(bench.store.get(id), Err(EngineError::MemoryNotFound(_))));
    assert!(matches!(bench.store.history(id), Err(EngineError::MemoryNotFound(_))));
    // Its key is free although it has not been purged.
    let again = bench.add(NewMemory { custom_id: Some("k".into()), ..memory("puppy school") });
    assert_ne!(again.id, id);
    assert_eq!(bench.store.purge_expired().unwrap(), 0);
    bench.store.delete(again.id).unwrap();
    assert_eq!(bench.search("puppy school"), Vec::<String>::new());
}

#[test]
fn search_goes_by_words_by_meaning_and_past_typos() {
    let bench = bench();
    bench.add(memory("Anna adopted a puppy"));
    bench.add(memory("a storm is coming"));
    bench.add(memory("counseling starts on Monday"));
    assert_eq!(bench.search("cat")[0], "Anna adopted a puppy");
    assert_eq!(bench.search("adopting a puppy")[0], "Anna adopted a puppy");
    let query = SearchQuery { text: "counsleing".into(), limit: 5, ..SearchQuery::default() };
    let answer = bench.store.search(&query).unwrap();
    assert_eq!(answer.hits[0].memory.content, "counseling starts on Monday");
    assert_eq!(
        (answer.corrections[0].from.as_str(), answer.corrections[0].to.as_str()),
        ("counsleing", "counseling")
    );
}

#[test]
fn a_memory_borrows_words_from_its_session() {
    let bench = bench();
    let turn = |text: &str, actor: &str| NewMemory {
        session_id: Some("s".into()),
        actor: Some(actor.into()),
        ..memory(text)
    };
    bench.add(turn("Which pottery class did you join?", "Ben"));
    bench.add(turn("The one downtown, with the blue door.", "Anna"));
    bench.add(memory("The blue storm is large."));
    let found = bench.search("Anna pottery class");
    assert_eq!(found.len(), 2);
    assert!(found.contains(&"The one downtown, with the blue door.".to_owned()));
}

#[test]
fn a_memory_is_found_by_a_word_near_to_the_one_asked_for() {
    let bench = bench();
    bench.add(memory("The vehicle needs new tyres"));
    bench.add(memory("The car is red"));
    bench.add(memory("Tyres were on sale"));
    let near = NearWord { of: "car".into(), word: "vehicles".into(), cosine: 0.7 };
    let query = SearchQuery { text: "the car".into(), limit: 10, ..SearchQuery::default() };
    let found = |query: &SearchQuery| -> Vec<String> {
        bench.store.search(query).unwrap().hits.into_iter().map(|hit| hit.memory.content).collect()
    };
    assert_eq!(found(&query), ["The car is red"]);
    let query = SearchQuery { near_words: vec![near], ..query };
    assert_eq!(found(&query), ["The car is red", "The vehicle needs new tyres"]);
}

#[test]
fn an_answer_is_found_before_the_question_that_has_its_words() {
    let bench = bench();
    bench.add(memory("What is the name of your sister's boat? And how large is the boat?"));
    bench.add(memory("My sister calls her boat Albatross, as everybody in the harbour knows."));
    assert!(bench.search("name of the sister's boat")[0].starts_with("My sister"));
}

#[test]
fn a_session_without_end_does_not_drown_a_note_beside_it() {
    let bench = bench();
    for number in 0..300 {
        let text = format!("We talked about the weather on the coast, part {number}");
        bench.add(NewMemory { session_id: Some("endless".into()), ..memory(&text) });
    }
    bench.add(memory("The coast house has a leaking roof"));
    assert_eq!(
        bench.search("leaking roof of the house on the coast")[0],
        "The coast house has a leaking roof"
    );
}

#[test]
fn an_explanation_adds_up_to_its_score() {
    let bench = bench();
    bench.add(NewMemory { actor: Some("Anna".into()), ..memory("the dog sleeps") });
    let query = SearchQuery {
        text: "where does Anna's dog sleep".into(),
        embedded: Some(embedded("dog")),
        limit: 1,
        explain: Explain::Yes,
        ..SearchQuery::default()
    };
    let hit = bench.store.search(&query).unwrap().hits.remove(0);
    let explanation = hit.explanation.unwrap();
    let sum: f64 = explanation.signals.iter().map(|signal| signal.contribution).sum();
    assert!((sum - explanation.raw).abs() < 1e-4);
    assert_eq!(explanation.matched_terms, ["anna", "dog", "sleep"]);
    assert!(explanation.signals.iter().any(|signal| signal.name == "meaning" && signal.value > 0.5));
    assert!((0.0..=1.0).contains(&hit.score));
}

#[test]
fn diversity_lets_what_repeats_give_way_and_says_how_much_it_repeats() {
    let bench = bench();
    for text in ["the dog sleeps", "the dog sleeps here", "the dog sleeps there", "a storm woke the dog"] {
        bench.add(memory(text));
    }
    let query = SearchQuery {
        text: "where does the dog sleep".into(),
        embedded: Some(embedded("dog")),
        limit: 2,
        explain: Explain::Yes,
        ..SearchQuery::default()
    };
    let found = |diversity: f64| {
        let hits = bench.store.search(&SearchQuery { diversity, ..query.clone() }).unwrap().hits;
        hits.into_iter().map(|hit| (hit.memory.content, hit.explanation.unwrap().repeats)).collect::<Vec<_>>()
    };
    assert!(found(0.0).iter().all(|(text, repeats)| text.contains("sleeps") && repeats.is_none()));
    let varied = found(0.7);
    assert_eq!((varied.len(), &*varied[1].0), (2, "a storm woke the dog"), "{varied:?}");
    assert!(varied[0].1 == Some(0.0) && varied[1].1 < Some(0.9), "{varied:?}");
    let filter = engine::Filter::parse(&json!({"kind": "nothing"})).unwrap();
    let none = SearchQuery { diversity: 1.0, filter: Some(filter), ..query.clone() };
    assert!(bench.store.search(&none).unwrap().hits.is_empty());
}

#[test]
fn filters_restrict_search_list_and_deletion_alike() {
    let bench = bench();
    for (at, kind) in ["fact", "note", "fact", "todo"].into_iter().enumerate() {
        let serde_json::Value::Object(metadata) =
            json!({"n": at, "ok": at % 2 == 0, "name": format!("N{at}")})
        else {
            unreachable!()
        };
        bench.add(NewMemory {
            kind: Some(kind.into()),
            tags: vec![format!("t{at}")],
            metadata,
            user_id: (at > 0).then(|| "u".to_owned()),
            ..memory(&format!("dog number {at}"))
        });
    }
    let check = |value: serde_json::Value, want: &[i64]| {
        let query = SearchQuery { filter: filter(value.clone()), ..SearchQuery::default() };
        let mut searched: Vec<_> = bench
            .store
            .search(&SearchQuery { text: "dog".into(), limit: 10, ..query.clone() })
            .unwrap()
            .hits
            .iter()
            .map(|hit| hit.memory.id)
            .collect();
        searched.sort_unstable();
        let list =
            ListQuery { filter: query.filter, order: Order::OldestFirst, limit: 10, ..ListQuery::default() };
        let listed: Vec<_> = bench.store.list(&list).unwrap().items.iter().map(|m| m.id).collect();
        assert_eq!((searched.as_slice(), listed.as_slice()), (want, want), "{value}");
    };
    check(json!({"kind": "fact"}), &[1, 3]);
    check(json!({"kind": {"ne": "fact"}}), &[2, 4]);
    check(json!({"not": {"user_id": "u"}}), &[1]);
    check(json!({"user_id": {"exists": false}}), &[1]);
    check(json!({"user_id": {"ne": "x"}}), &[1, 2, 3, 4]);
    check(json!({"metadata.n": {"gte": 1, "lt": 3}}), &[2, 3]);
    check(json!({"metadata.n": {"in": [0, 3]}}), &[1, 4]);
    check(json!({"metadata.n": "1"}), &[]);
    check(json!({"metadata.ok": true}), &[1, 3]);
    check(json!({"metadata.name": {"contains": "n2"}}), &[3]);
    check(json!({"metadata.missing": null}), &[1, 2, 3, 4]);
    check(json!({"tags": {"contains": "t3"}}), &[4]);
    check(json!({"tags": {"nin": ["t0", "t1"]}}), &[3, 4]);
    check(json!({"content": {"contains": "NUMBER 2"}}), &[3]);
    check(json!({"or": [{"id": 1}, {"and": [{"kind": "todo"}, {"user_id": "u"}]}]}), &[1, 4]);
    check(
        json!({"workspace": "DEFAULT", "embedding": "ready", "created_at": {"gte": "2026-11-24T10:00:00Z"}}),
        &[1, 2, 3, 4],
    );
    check(json!({"id": {"in": []}}), &[]);
    let facts = || filter(json!({"kind": "fact"})).unwrap();
    let dry = bench.store.delete_matching(facts(), None, DeleteMode::DryRun).unwrap();
    assert_eq!((dry.count, dry.ids.as_slice(), bench.count()), (2, &[1, 3][..], 4));
    bench.store.delete_matching(facts(), None, DeleteMode::Delete).unwrap();
    check(json!({}), &[2, 4]);
}

#[test]
fn a_rare_filter_still_fills_the_page() {
    let bench = bench();
    let drafts = (0..1_000).map(|at| Draft {
        memory: NewMemory {
            importance: Some(if at % 100 == 7 { 1.0 } else { 0.1 }),
            ..memory(&format!("dog {at}"))
        },
        embedded: Some(embedded("dog")),
    });
    bench.store.create(drafts.collect(), None, Bounds::NONE).unwrap();
    let rare = SearchQuery {
        text: "dog".into(),
        filter: filter(json!({"importance": 1})),
        ..SearchQuery::default()
    };
    assert_eq!(bench.search_with(rare).len(), 10);
}

#[test]
fn pages_follow_one_another_without_gaps_or_repeats() {
    let bench = bench();
    for at in 0..25 {
        bench.add(memory(&format!("m{at}")));
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = bench.store.list(&ListQuery { after, limit: 10, ..ListQuery::default() }).unwrap();
        seen.extend(page.items.iter().map(|memory| memory.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
}

#[test]
fn vectors_of_another_model_are_never_compared() {
    let bench = bench();
    let id = bench.add(memory("the dog sleeps")).id;
    let late = SearchQuery {
        text: "feline".into(),
        embedded: Some(Embedded { model: model("other"), values: vec![1.0, 0.0, 0.0] }),
        limit: 5,
        ..SearchQuery::default()
    };
    assert!(bench.store.search(&late).unwrap().hits.is_empty(), "a query of another model than the store's");
    bench.store.use_model(model("other")).unwrap();
    assert_eq!(bench.store.get(id).unwrap().embedding, EmbeddingState::Pending);
    let query = SearchQuery {
        text: "feline".into(),
        embedded: Some(Embedded { model: model("other"), values: vec![1.0, 0.0, 0.0] }),
        limit: 5,
        ..SearchQuery::default()
    };
    assert!(bench.store.search(&query).unwrap().hits.is_empty());
    let pending = bench.store.pending_embeddings(10).unwrap();
    assert_eq!((pending.len(), pending[0].content.as_str()), (1, "the dog sleeps"));
    let vector = Embedded { model: model("other"), values: vec![1.0, 0.0, 0.0] };
    assert_eq!(bench.store.store_embeddings(vec![(id, 99, vector.clone())]).unwrap(), 0);
    assert_eq!(bench.store.store_embeddings(vec![(id, 1, vector)]).unwrap(), 1);
    assert_eq!(bench.store.search(&query).unwrap().hits.len(), 1);
    assert!(bench.store.pending_embeddings(10).unwrap().is_empty());
}

#[test]
fn search_never_fails_on_odd_input() {
    let bench = bench();
    bench.add(memory("the dog sleeps, 東京 café 🙂"));
    let long = "dog ".repeat(2_500);
    for text in [
        "",
        " ",
        "?",
        "\"",
        "'",
        "a\0b",
        "NEAR(a b)",
        "a AND NOT b",
        "*",
        "^dog",
        "{x}:",
        "🙂",
        "東京",
        "the",
        &long,
    ] {
        let found = bench.search(text);
        assert!(found.len() <= 1, "{text:?}");
    }
    assert_eq!(bench.search("東京").len(), 1);
    assert_eq!(bench.search("cafe").len(), 1);
}

#[test]
fn writes_of_many_callers_all_survive_a_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let store = open(folder.path(), &clock);
    std::thread::scope(|scope| {
        for caller in 0..16 {
            let store = store.clone();
            scope.spawn(move || {
                for at in 0..50 {
                    let text = format!("caller{caller} memory{at}");
                    let draft = Draft { memory: memory(&text), embedded: Some(embedded("dog")) };
                    let id = store.create(vec![draft], None, Bounds::NONE).unwrap().items[0].memory.id;
                    // Readable and searchable by whoever was answered.
                    assert_eq!(store.get(id).unwrap().content, text);
                    let query = SearchQuery { text, limit: 1, ..SearchQuery::default() };
                    assert_eq!(store.search(&query).unwrap().hits[0].memory.id, id);
                }
            });
        }
    });
    drop(store);
    let store = open(folder.path(), &clock);
    assert_eq!(store.stats().unwrap().memories, 800);
    assert_eq!(store.stats().unwrap().pending_embeddings, 0);
}
