//! Turns of a conversation and texts that stand alone: how their length is judged, and whose turn a question is about.

use std::sync::Arc;

use engine::{Bounds, Draft, NewMemory, SearchQuery, Store, StoreOptions};
use stdx::clock::ManualClock;

/// One memory: session, who said it, text.
type Said = (Option<&'static str>, Option<&'static str>, String);

/// Asks a store of these memories, and expects the one at this place to come before the other.
fn check(said: &[Said], query: &str, better: usize, worse: usize) {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let options = StoreOptions { clock: Arc::clone(&clock) as _, model: None };
    let store = Store::open(&folder.path().join("engram.db"), options).unwrap();
    let mut ids = Vec::new();
    // Among others, so that the words of the query are rare.
    let others = (0..60).map(|n| (None, None, format!("note number {n} says other things")));
    for (session, actor, content) in said.iter().cloned().chain(others) {
        let memory = NewMemory {
            content,
            session_id: session.map(str::to_owned),
            actor: actor.map(str::to_owned),
            ..NewMemory::default()
        };
        let made = store.create(vec![Draft { memory, embedded: None }], None, Bounds::NONE).unwrap();
        ids.push(made.items[0].memory.id);
    }
    let asked = SearchQuery { text: query.into(), limit: 10, ..SearchQuery::default() };
    let hits = store.search(&asked).unwrap().hits;
    let place = |at: usize| hits.iter().position(|hit| hit.memory.id == ids[at]).expect("it is found");
    assert!(place(better) < place(worse), "{query}: {:?}", hits.iter().map(|h| h.score).collect::<Vec<_>>());
}

/// A text of very many words that nobody asks for, in the middle of which something is said.
fn long(said: &str) -> String {
    let words = |from: usize| (from..from + 1_500).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    format!("{} {said} {}", words(0), words(5_000))
}

#[test]
fn a_document_may_be_long_and_a_turn_is_judged_by_its_length() {
    let short = "the heron was seen on the old pier this morning, said the warden";
    let both = long("the heron nests in the reeds");
    let alone = [(None, None, short.to_owned()), (None, None, both.clone())];
    check(&alone, "heron reeds", 1, 0);
    let turn = |session, text: &str| (Some(session), None, text.to_owned());
    let turns =
        [turn("a", short), turn("a", "good"), turn("b", "and then"), turn("b", &both), turn("b", "fine")];
    check(&turns, "heron reeds", 0, 3);
}

#[test]
fn a_question_in_the_first_person_is_about_the_user() {
    let said = |actor| (Some("a"), Some(actor), "the blue kayak was fixed on Friday, it is ready".to_owned());
    let talk = |user| [said(user), said("assistant")];
    // What nobody said is a note of the user's own.
    let noted = (None, None, "the blue kayak was fixed on Friday, it is ready".to_owned());
    check(&[said("user"), noted, said("assistant")], "When did I fix the kayak?", 1, 2);
    for (user, query, better) in [
        ("user", "When did I fix the kayak?", 0),
        ("Human", "what did my kayak look like", 0),
        ("user", "When did you tell me about the kayak?", 1),
        ("user", "Who fixed the kayak?", 1),
        // Somebody of a group, and not the one who asks.
        ("user-7", "When did I fix the kayak?", 1),
    ] {
        check(&talk(user), query, better, 1 - better);
    }
}
