//! A store as JSON Lines and back: nothing is lost, nothing is doubled, and bad lines are told by their number.

use std::path::Path;
use std::sync::Arc;

use engine::{
    Bound, Bounds, Change, Draft, Embedded, EngineError, ImportIds, Imported, ListQuery, Memory, MemoryPatch,
    ModelIdentity, NewMemory, Order, SearchQuery, Store, StoreOptions, Tier, check_export, export_file,
};
use serde_json::json;
use stdx::clock::{Clock, ManualClock};

struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    Bench { store: open(&folder.path().join("engram.db"), &clock), clock, folder }
}

fn open(path: &Path, clock: &Arc<ManualClock>) -> Store {
    let model = ModelIdentity { name: "toy".into(), revision: "1".into(), dimensions: 3 };
    Store::open(path, StoreOptions { clock: Arc::clone(clock) as _, model: Some(model) }).unwrap()
}

fn draft(memory: NewMemory) -> Draft {
    let model = ModelIdentity { name: "toy".into(), revision: "1".into(), dimensions: 3 };
    Draft { memory, embedded: Some(Embedded { model, values: vec![1.0, 0.5, 0.1] }) }
}

fn text(content: impl Into<String>) -> NewMemory {
    NewMemory { content: content.into(), ..NewMemory::default() }
}

impl Bench {
    fn add(&self, memory: NewMemory) -> i64 {
        let stored = self.store.create(vec![draft(memory)], None, Bounds::NONE).unwrap();
        stored.items[0].memory.id
    }

    /// A store with a bit of everything: every field, histories, gaps, moves between sessions, odd letters.
    fn fill(&self) {
        let time = |text: &str| Some(text.parse().unwrap());
        let serde_json::Value::Object(metadata) = json!({"a": [1, 2.5, null, "ü\u{2028}\n\"\\"]}) else {
            panic!()
        };
        for n in 0..7 {
            self.clock.advance_ms(1_003);
            let id = self.add(NewMemory {
                content: format!("memory {n}: the 狗 sleeps\tin room {n}"),
                kind: Some("fact".into()),
                tags: vec!["x".into(), format!("tag {n}")],
                metadata: metadata.clone(),
                importance: Some(f64::from(n) / 7.0),
                workspace: Some(format!("team{}", n % 2)),
                user_id: Some("u".into()),
                agent_id: Some("a".into()),
                session_id: Some(format!("s{}", n % 3)),
                actor: Some("Anna Lee".into()),
                tier: (n == 3).then_some(Tier::Daily),
                expires_at: None,
                event_time: time("2023-05-08T13:56:00.123Z"),
                valid_from: time("2023-05-08T00:00:00Z"),
                valid_to: time("2024-05-08T00:00:00Z"),
                superseded_by: (n == 5).then_some(2),
                custom_id: Some(format!("c{n}")),
            });
            for m in 0..n {
                self.clock.advance_ms(17);
                let content = Change::Set(format!("memory {n} in its version {m} of the house"));
                let session_id = if m == 2 { Change::Set("s0".into()) } else { Change::Keep };
                let patch = MemoryPatch { content, session_id, ..MemoryPatch::default() };
                self.store.update(id, patch, None, None, Bounds::NONE).unwrap();
            }
        }
        self.store.revert(4, 1, None, None, Bounds::NONE).unwrap();
        self.store.delete(2).unwrap();
        let last = self.add(text("gone again"));
        self.store.delete(last).unwrap();
    }

    fn export(&self) -> String {
        let mut lines = Vec::new();
        let exported = self.store.export(&mut lines, &mut |_, _| {}).unwrap();
        assert_eq!(exported.bytes, lines.len() as u64);
        String::from_utf8(lines).unwrap()
    }

    fn import(&self, lines: &str, ids: ImportIds) -> Result<Imported, EngineError> {
        self.store.import(&mut lines.as_bytes(), ids, Bounds::NONE, &mut |_, _| {})
    }

    /// Everything a caller can see, vectors aside.
    fn seen(&self) -> Vec<String> {
        let query = ListQuery { limit: 1_000, order: Order::OldestFirst, ..ListQuery::default() };
        let mut seen = Vec::new();
        for memory in self.store.list(&query).unwrap().items {
            for revision in self.store.history(memory.id).unwrap() {
                seen.push(format!("{:?} {:?}", revision.change, without_vector(revision.memory)));
            }
        }
        seen.extend(self.store.workspaces().unwrap().iter().map(|workspace| format!("{workspace:?}")));
        seen.push(format!("ids up to {}", self.store.ids_handed_out().unwrap()));
        seen
    }

    fn ranked(&self, text: &str) -> Vec<(i64, f64)> {
        let query = SearchQuery { text: text.into(), limit: 10, ..SearchQuery::default() };
        self.store.search(&query).unwrap().hits.iter().map(|hit| (hit.memory.id, hit.score)).collect()
    }
}

fn without_vector(memory: Memory) -> Memory {
    Memory { embedding: engine::EmbeddingState::Pending, ..memory }
}

#[test]
fn a_store_comes_back_the_same_and_is_searched_the_same() {
    let (from, to) = (bench(), bench());
    from.fill();
    to.clock.advance_ms(from.clock.now_ms() - to.clock.now_ms());
    let lines = from.export();
    let facts = check_export(&mut lines.as_bytes()).unwrap();
    assert_eq!((facts.memories, facts.earlier_versions, facts.ids_handed_out), (6, 21, 8));
    to.ranked("house");
    let done = to.import(&lines, ImportIds::Keep).unwrap();
    assert_eq!((done.memories, done.earlier_versions, done.already_there), (6, 21, 0));
    assert_eq!(from.seen(), to.seen());
    assert!(from.export() == to.export(), "an export of the import is the same, byte for byte");
    for query in ["memory", "house version", "Anna sleeps", "狗"] {
        assert_eq!(from.ranked(query), to.ranked(query), "{query}");
        assert!(!to.ranked(query).is_empty(), "{query}");
    }
    assert_eq!(to.store.pending_embeddings(100).unwrap().len(), 6, "vectors are made anew");
    assert_eq!(to.store.tally().unwrap().memories, 6);
    assert_eq!(to.store.tally().unwrap().workspaces, from.store.tally().unwrap().workspaces);
    assert_eq!(to.add(text("the next")), 9, "ids that were given out stay given out");
}

#[test]
fn a_file_that_nobody_serves_is_exported_like_its_store() {
    let from = bench();
    from.fill();
    let copy = from.folder.path().join("copy.db");
    from.store.snapshot(&copy).unwrap();
    let mut lines = Vec::new();
    export_file(&copy, from.clock.now(), &mut lines, &mut |_, _| {}).unwrap();
    assert_eq!(String::from_utf8(lines).unwrap(), from.export());
}

#[test]
fn what_was_cut_off_is_finished_by_doing_it_again() {
    let from = bench();
    from.fill();
    let lines = from.export();
    let count = lines.lines().count();
    for cut in 1..count {
        let to = bench();
        to.clock.advance_ms(from.clock.now_ms() - to.clock.now_ms());
        let part: String = lines.lines().take(cut).map(|line| format!("{line}\n")).collect();
        // The reader finds the end missing; what came before it is not stored in part batches that are full.
        assert!(matches!(to.import(&part, ImportIds::Keep), Err(EngineError::Invalid(_))));
        let ended: String = format!("{part}{}\n", end_of(&part));
        to.import(&ended, ImportIds::Keep).unwrap();
        to.import(&lines, ImportIds::Keep).unwrap();
        let again = to.import(&lines, ImportIds::Keep).unwrap();
        assert_eq!((again.memories, again.earlier_versions, again.already_there), (0, 0, 6));
        assert!(from.export() == to.export(), "cut after {cut} lines");
    }
}

fn end_of(lines: &str) -> String {
    let count = |start: &str| lines.lines().filter(|line| line.starts_with(start)).count();
    json!({"end": {"memories": count("{\"memory\""), "earlier_versions": count("{\"earlier\"")}}).to_string()
}

#[test]
fn ids_that_others_have_are_refused_or_raised() {
    let (from, to) = (bench(), bench());
    from.fill();
    to.clock.advance_ms(from.clock.now_ms() - to.clock.now_ms());
    let own = to.add(NewMemory {
        session_id: Some("s1".into()),
        workspace: Some("team1".into()),
        ..text("my own")
    });
    let before = to.seen();
    let lines = from.export();
    let Err(EngineError::Invalid(problems)) = to.import(&lines, ImportIds::Keep) else { panic!() };
    assert!(problems[0].to_string().contains("line 5.id is another memory's here"), "{}", problems[0]);
    assert_eq!(to.seen()[..1], before[..1]);
    // Ids were reserved for the import that failed, and stay so.
    let raised_by = to.store.ids_handed_out().unwrap();
    let done = to.import(&lines, ImportIds::Renumber).unwrap();
    assert_eq!((done.memories, done.ids_raised_by), (6, raised_by));
    let five = to.store.get(raised_by + 6).unwrap();
    assert_eq!(five.superseded_by, Some(raised_by + 2), "references go with the ids");
    assert_eq!(to.store.history(raised_by + 7).unwrap().len(), 7);
    assert_eq!(to.store.get(own).unwrap().content, "my own");
    let Err(EngineError::CustomIdTaken { .. }) = to.import(&lines, ImportIds::Renumber) else { panic!() };
}

#[test]
fn what_has_expired_stays_behind() {
    let (from, to) = (bench(), bench());
    from.fill();
    let lines = from.export();
    let day = 25 * 60 * 60 * 1_000;
    to.clock.advance_ms(day);
    let done = to.import(&lines, ImportIds::Keep).unwrap();
    assert_eq!((done.memories, done.expired, done.earlier_versions), (5, 1, 17));
    from.clock.advance_ms(day);
    assert_eq!(check_export(&mut from.export().as_bytes()).unwrap().memories, 5);
}

#[test]
fn many_memories_arrive_in_batches_and_within_bounds() {
    let (from, to) = (bench(), bench());
    for batch in 0..4 {
        let drafts = (0..200).map(|n| draft(text(format!("river {batch} number {n}")))).collect();
        from.store.create(drafts, None, Bounds::NONE).unwrap();
    }
    let lines = from.export();
    let mut told = Vec::new();
    let bounds = Bounds { memories: Some(500), ..Bounds::NONE };
    let mut stays = Imported::default();
    let refused =
        to.store.import(&mut lines.as_bytes(), ImportIds::Keep, bounds, &mut |so_far, _| stays = so_far);
    assert!(matches!(refused, Err(EngineError::BoundReached { what: Bound::Memories, .. })));
    assert!((1..=500).contains(&stays.memories), "whole batches stay");
    assert_eq!(to.store.tally().unwrap().memories, stays.memories);
    let bounds = Bounds { file_bytes: Some(100_000), ..Bounds::NONE };
    let refused = bench().store.import(&mut lines.as_bytes(), ImportIds::Keep, bounds, &mut |_, _| {});
    assert!(matches!(refused, Err(EngineError::BoundReached { what: Bound::FileBytes, .. })));
    let mut lines = lines.as_bytes();
    let length = lines.len() as u64;
    to.store
        .import(&mut lines, ImportIds::Keep, Bounds::NONE, &mut |so_far, bytes| {
            told.push((so_far.memories + so_far.already_there, bytes));
        })
        .unwrap();
    assert_eq!(told.last(), Some(&(800, length)));
    assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
    assert!(from.export() == to.export());
}

#[test]
fn ordinary_writes_go_on_between_batches() {
    let (from, to) = (bench(), bench());
    let drafts = (0..900).map(|n| draft(text(format!("imported {n}")))).collect();
    from.store.create(drafts, None, Bounds::NONE).unwrap();
    let lines = from.export();
    std::thread::scope(|scope| {
        let writing =
            scope.spawn(|| (0..50).map(|n| to.add(text(format!("written {n}")))).collect::<Vec<_>>());
        to.ranked("written");
        to.import(&lines, ImportIds::Renumber).unwrap();
        writing.join().unwrap();
    });
    assert_eq!(to.store.tally().unwrap().memories, 950);
    assert_eq!(to.ranked("imported").len() + to.ranked("written").len(), 20);
}

#[test]
fn a_bad_line_is_told_by_its_number() {
    let from = bench();
    from.add(text("one"));
    from.add(text("two"));
    let good = from.export();
    let lines: Vec<_> = good.lines().collect();
    let [header, workspace, one, two, end] = lines[..] else { panic!("{good}") };
    let long = format!("{{\"memory\": \"{}\"}}", "x".repeat(1_100_000));
    for (lines, want) in [
        (vec![], "line 1 is not the first line"),
        (vec![one], "line 1 is not the first line"),
        (vec!["no json"], "line 1 is no line of an export"),
        (vec![&header.replace("\"format\":1", "\"format\":2")], "line 1 is of format 2"),
        (
            vec![&header.replace("\"ids_handed_out\":2", "\"ids_handed_out\":9223372036854775807")],
            "line 1.ids_handed_out",
        ),
        (vec![header, header], "line 2 is a second first line"),
        (vec![header, workspace, one], "line 4 is missing: the export was cut off"),
        (vec![header, one, two, &end.replace('2', "3")], "line 4 counts"),
        (vec![header, one, two, end, one], "line 5 comes after the end"),
        (vec![header, two, one], "line 3.id must be above"),
        (vec![header, &one.replace("\"id\":1", "\"id\":3")], "line 2.id must be above"),
        (
            vec![header, "", &one.replace("\"content\":\"one\"", "\"content\":\" \"")],
            "line 3.content must not be blank",
        ),
        (vec![header, &one.replace("\"content\"", "\"contents\"")], "unknown field `contents`"),
        (vec![header, &one.replace("\"version\":1", "\"version\":0")], "line 2.version"),
        (
            vec![
                header,
                one,
                &one.replace("{\"memory\":{\"current\":", "{\"earlier\":").replace(",\"position\":0}}", "}"),
            ],
            "line 3.version does not belong",
        ),
        (vec![header, &workspace.replace("default", "not a name")], "line 2.workspace"),
        (vec![header, &long], "line 2 is longer"),
    ] {
        let to = bench();
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        for outcome in
            [check_export(&mut text.as_bytes()).map(drop), to.import(&text, ImportIds::Keep).map(drop)]
        {
            let told = outcome.unwrap_err().to_string();
            assert!(told.contains(want), "{told}, wanted {want}");
        }
        assert_eq!(to.store.tally().unwrap().memories, 0, "{want}");
    }
}

#[test]
fn numbers_come_back_to_the_last_digit() {
    let (from, to) = (bench(), bench());
    for n in 1..200u64 {
        // Bits that look like chance, between 0 and 1.
        let importance =
            f64::from_bits(0x3FE0_0000_0000_0000 | (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 12)) - 0.25;
        let importance = importance.clamp(0.0, 1.0);
        from.add(NewMemory { importance: Some(importance), ..text(format!("{n}")) });
    }
    to.import(&from.export(), ImportIds::Keep).unwrap();
    for id in 1..200 {
        let (one, other) = (from.store.get(id).unwrap().importance, to.store.get(id).unwrap().importance);
        assert_eq!(one.to_bits(), other.to_bits(), "{one} came back as {other}");
    }
}
