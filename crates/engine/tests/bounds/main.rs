//! What a store may hold: a bound is reached exactly, whoever asks at once, and a refusal changes nothing.

mod cost;
mod limits;
mod tally;

use std::path::Path;
use std::sync::Arc;

use engine::{
    Bound, Bounds, Draft, EngineError, Filter, Idempotency, NewMemory, Store, StoreOptions, Stored,
};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;
use stdx::clock::{Clock, ManualClock};

struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-25T10:00:00Z".parse().unwrap());
    let store = open(folder.path(), &clock);
    Bench { store, clock, folder }
}

fn open(folder: &Path, clock: &Arc<ManualClock>) -> Store {
    let options = StoreOptions { clock: Arc::clone(clock) as _, model: None };
    Store::open(&folder.join("engram.db"), options).unwrap()
}

fn memories(limit: u64) -> Bounds {
    Bounds { memories: Some(limit), ..Bounds::NONE }
}

fn workspaces(limit: u64) -> Bounds {
    Bounds { workspaces: Some(limit), ..Bounds::NONE }
}

fn file_bytes(limit: u64) -> Bounds {
    Bounds { file_bytes: Some(limit), ..Bounds::NONE }
}

fn text(content: &str) -> NewMemory {
    NewMemory { content: content.into(), ..NewMemory::default() }
}

fn within(workspace: &str) -> NewMemory {
    NewMemory { workspace: Some(workspace.into()), ..text("x") }
}

fn keyed(custom_id: &str, content: &str) -> NewMemory {
    NewMemory { custom_id: Some(custom_id.into()), ..text(content) }
}

impl Bench {
    fn add(&self, new: Vec<NewMemory>, bounds: Bounds) -> Result<Stored, EngineError> {
        add(&self.store, new, None, bounds)
    }

    fn expiring_in(&self, ms: i64, new: NewMemory) -> NewMemory {
        let at = Timestamp::from_millisecond(self.clock.now_ms() + ms).unwrap();
        NewMemory { expires_at: Some(at), ..new }
    }

    /// The tally is what counting gives: (memories, workspaces that hold one).
    #[track_caller]
    fn counted(&self) -> (u64, u64) {
        let tally = self.store.tally().unwrap();
        let file = Connection::open(self.folder.path().join("engram.db")).unwrap();
        let counted: (u64, u64) = file
            .query_row("SELECT count(*), count(DISTINCT workspace_id) FROM memory", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!((tally.memories, tally.workspaces), counted);
        counted
    }
}

fn add(
    store: &Store,
    new: Vec<NewMemory>,
    once: Option<Idempotency>,
    bounds: Bounds,
) -> Result<Stored, EngineError> {
    store.create(new.into_iter().map(|memory| Draft { memory, embedded: None }).collect(), once, bounds)
}

/// What a refused write says: which bound, how much there is, how much there may be.
#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, EngineError>) -> (Bound, u64, u64) {
    match outcome {
        Err(EngineError::BoundReached { what, current, limit }) => (what, current, limit),
        other => panic!("not refused: {other:?}"),
    }
}

fn everything() -> Filter {
    Filter::parse(&json!({"content": {"exists": true}})).unwrap()
}
