//! Sessions: counted, newest first, a page at a time, whatever the workspace.

use std::sync::Arc;

use engine::{Bounds, Draft, NewMemory, SessionPage, SessionQuery, Store, StoreOptions};
use stdx::clock::{Clock, ManualClock};

struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

/// A store with these memories: session and workspace of each, a second apart.
fn bench(memories: &[(Option<&str>, &str)]) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let options = StoreOptions { clock: Arc::clone(&clock) as _, model: None };
    let store = Store::open(&folder.path().join("engram.db"), options).unwrap();
    for (session, workspace) in memories {
        let memory = NewMemory {
            content: "said".into(),
            session_id: session.map(str::to_owned),
            workspace: Some((*workspace).to_owned()),
            ..NewMemory::default()
        };
        store.create(vec![Draft { memory, embedded: None }], None, Bounds::NONE).unwrap();
        clock.advance_ms(1_000);
    }
    Bench { store, clock, _folder: folder }
}

impl Bench {
    fn page(&self, before: Option<i64>, limit: usize) -> SessionPage {
        self.store.sessions(&SessionQuery { before, limit }).unwrap()
    }
}

/// Names, counts, workspaces and seconds from the first to the newest.
fn told(page: &SessionPage) -> Vec<(&str, u64, &str, i64)> {
    let seconds =
        |session: &engine::SessionSummary| session.last_at.duration_since(session.first_at).as_secs();
    page.items.iter().map(|s| (s.session_id.as_str(), s.memories, s.workspace.as_str(), seconds(s))).collect()
}

#[test]
fn sessions_are_counted_and_the_one_that_was_last_spoken_in_is_first() {
    let bench = bench(&[
        (Some("a"), "x"),
        (Some("b"), "x"),
        (None, "x"),
        (Some("a"), "y"),
        (Some("b"), "x"),
        (Some("a"), "x"),
    ]);
    let page = bench.page(None, 10);
    assert_eq!(told(&page), [("a", 3, "x", 5), ("b", 2, "x", 3)]);
    assert_eq!(page.next, None);
    let newest = page.items[0].last_at;
    assert_eq!(bench.clock.now().duration_since(newest).as_secs(), 1);
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let names = ["a", "b", "c", "a", "d", "e"];
    let bench = bench(&names.map(|name| (Some(name), "x")));
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = bench.page(before, 2);
        seen.extend(page.items.iter().map(|session| session.session_id.clone()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["e", "d", "a", "c", "b"]);
    assert_eq!(bench.page(None, 5).next, None, "a page that is just full is the last");
}

#[test]
fn a_store_without_sessions_has_none() {
    assert_eq!(bench(&[(None, "x")]).page(None, 10), SessionPage { items: Vec::new(), next: None });
}
