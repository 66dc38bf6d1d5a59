//! Filtered searches find exactly what a list with the filter holds, whichever way the filter is asked.

mod dice;

use std::collections::BTreeSet;

use dice::Dice;
use engine::{
    Bounds, Change, Draft, Filter, ListQuery, MemoryId, MemoryPatch, NewMemory, Ranking, SearchQuery, Store,
    StoreOptions,
};
use serde_json::{Map, Value, json};
use stdx::clock::ManualClock;

/// More than an index is asked for at once.
const MEMORIES: usize = 6_500;
/// Each memory says one of so many words.
const WORDS: usize = 90;

impl Dice {
    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn metadata(&mut self) -> Map<String, Value> {
        let value = match self.below(9) {
            0 => json!({"n": self.below(40)}),
            1 => json!({"n": self.below(40) as f64 + 0.5, "s": "a b"}),
            2 => json!({"n": self.below(40) as f64}),
            3 => json!({"n": self.below(40).to_string(), "flag": true}),
            4 => json!({"flag": false, "in": {"side": self.one_of(&["left", "right"])}}),
            5 => json!({"in": {"side": null, "list": ["left", 1]}}),
            6 => json!({"n": 9_007_199_254_740_993_i64, "Ünï \"quoted\"": "ß"}),
            7 => Value::Object((0..200).map(|n| (format!("k{n}"), json!(n))).collect()),
            _ => json!({}),
        };
        value.as_object().unwrap().clone()
    }

    fn memory(&mut self) -> NewMemory {
        let maybe =
            |dice: &mut Self, names: &[&str]| (dice.below(3) > 0).then(|| dice.one_of(names).to_owned());
        NewMemory {
            content: format!("word{}", self.below(WORDS)),
            workspace: Some(self.one_of(&["default", "default", "default", "rare", "team"]).to_owned()),
            kind: Some(
                self.one_of(&["note", "note", "note", "note", "note", "note", "fact", "todo"]).to_owned(),
            ),
            tags: (0..self.below(3)).map(|_| format!("t{}", self.below(30))).collect(),
            metadata: self.metadata(),
            importance: Some(self.below(11) as f64 / 10.0),
            user_id: maybe(self, &["ada", "bob", "cyd", "dot"]),
            agent_id: maybe(self, &["one", "two"]),
            session_id: (self.below(2) == 0).then(|| format!("s{}", self.below(500))),
            actor: maybe(self, &["Ada", "ada", "Bob"]),
            ..NewMemory::default()
        }
    }

    fn filter(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 13 } else { 17 }) {
            0 => json!({"metadata.n": self.below(45)}),
            1 => json!({"metadata.n": {"in": [self.below(40), self.below(40) as f64 + 0.5, "7"]}}),
            2 => json!({"metadata.n": self.below(45).to_string()}),
            3 => json!({"metadata.flag": self.below(2) == 0}),
            4 => json!({"metadata.in.side": {"eq": self.one_of(&["left", "right"])}}),
            5 => json!({"tags": {"contains": format!("t{}", self.below(32))}}),
            6 => json!({"tags": {"in": [format!("t{}", self.below(32)), "none"]}}),
            7 => json!({"kind": self.one_of(&["note", "fact", "todo", "odd"])}),
            8 => json!({"user_id": {"in": ["ada", self.one_of(&["bob", "nobody"])]}}),
            9 => json!({"session_id": format!("s{}", self.below(510)), "importance": {"gte": 0.3}}),
            10 => json!({"actor": self.one_of(&["Ada", "ada", "Bob"]), "metadata.k7": 7}),
            11 => json!({"metadata.n": {"gt": self.below(40)}, "workspace": self.one_of(&["rare", "team"])}),
            12 => json!({"metadata.n": 9_007_199_254_740_993_i64, "tier": "permanent"}),
            13 => json!({"not": self.filter(depth - 1)}),
            14 => json!({"or": [self.filter(depth - 1), self.filter(depth - 1)]}),
            _ => json!({"and": [self.filter(depth - 1), self.filter(depth - 1)]}),
        }
    }
}

fn open(folder: &std::path::Path) -> Store {
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    Store::open(&folder.join("engram.db"), StoreOptions { clock, model: None }).unwrap()
}

/// Ids that a list with the filter holds and whose memory says `word`.
fn listed(store: &Store, filter: &Filter, workspace: Option<&str>, word: &str) -> BTreeSet<MemoryId> {
    let query = ListQuery {
        filter: Some(filter.clone()),
        workspace: workspace.map(str::to_owned),
        limit: 100_000,
        ..ListQuery::default()
    };
    let all = store.list(&query).unwrap().items;
    all.into_iter().filter(|memory| memory.content == word).map(|memory| memory.id).collect()
}

fn found(store: &Store, filter: &Filter, workspace: Option<&str>, word: &str) -> BTreeSet<MemoryId> {
    let query = SearchQuery {
        text: word.to_owned(),
        filter: Some(filter.clone()),
        workspace: workspace.map(str::to_owned),
        ranking: Ranking::Bm25,
        limit: 1_000,
        ..SearchQuery::default()
    };
    store.search(&query).unwrap().hits.into_iter().map(|hit| hit.memory.id).collect()
}

#[test]
fn a_filtered_search_finds_what_a_list_with_the_filter_holds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut dice = Dice(7);
    for _ in 0..MEMORIES / 500 {
        let drafts = (0..500).map(|_| Draft { memory: dice.memory(), embedded: None }).collect();
        store.create(drafts, None, Bounds::NONE).unwrap();
    }
    let mut asked = (0, 0);
    let mut ask_all = |store: &Store, dice: &mut Dice, filters: usize| {
        for _ in 0..filters {
            let value = dice.filter(2);
            let filter = Filter::parse(&value).unwrap();
            let word = format!("word{}", dice.below(WORDS));
            let workspace = [None, None, Some("rare"), Some("empty")][dice.below(4)];
            let want = listed(store, &filter, workspace, &word);
            assert_eq!(found(store, &filter, workspace, &word), want, "{value} {workspace:?} {word}");
            asked = (asked.0 + 1, asked.1 + usize::from(!want.is_empty()));
        }
    };
    ask_all(&store, &mut dice, 80);
    // What changes is found by what it is now, and no more by what it was.
    for _ in 0..300 {
        let id = 1 + dice.below(MEMORIES) as MemoryId;
        let new = dice.memory();
        let patch = MemoryPatch {
            kind: Change::Set(new.kind.unwrap()),
            tags: Change::Set(new.tags),
            metadata: Change::Set(new.metadata),
            user_id: new.user_id.map_or(Change::Clear, Change::Set),
            ..MemoryPatch::default()
        };
        match store.update(id, patch, None, None, Bounds::NONE) {
            Err(engine::EngineError::MemoryNotFound(_)) => {}
            changed => drop(changed.unwrap()),
        }
        let _ = store.delete(1 + dice.below(MEMORIES) as MemoryId);
    }
    ask_all(&store, &mut dice, 80);
    drop(store);
    ask_all(&open(folder.path()), &mut dice, 20);
    assert!(asked.1 > asked.0 / 3, "{asked:?} say little");
}
