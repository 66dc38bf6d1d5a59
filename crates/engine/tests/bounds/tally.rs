//! What is kept count of is what counting gives: after any operations, a crash, a migration.

use engine::{Bound, Bounds, Change, DeleteMode, MemoryPatch, NewMemory};
use proptest::prelude::*;
use rusqlite::Connection;
use stdx::clock::ManualClock;

use crate::{Bench, bench, everything, memories, open, refusal, text, within, workspaces};

#[test]
fn a_store_of_the_first_version_learns_how_much_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = Connection::open(folder.path().join("engram.db")).unwrap();
    file.execute_batch(include_str!("../../src/schema/001_memories.sql")).unwrap();
    file.execute_batch(
        "PRAGMA application_id = 0x456E6772; PRAGMA user_version = 1;
         INSERT INTO workspace VALUES (1, 'a', 0), (2, 'empty', 0), (3, 'b', 0);
         WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 7)
         INSERT INTO memory (workspace_id, content, kind, tags, metadata, importance, tier, version, change,
             created_at, updated_at)
         SELECT 1 + 2 * (value % 2), 'old', 'note', '[]', '{}', 0.5, 'permanent', 1, 'created', 0, 0 FROM n;",
    )
    .unwrap();
    drop(file);
    let clock = ManualClock::at("2026-11-25T10:00:00Z".parse().unwrap());
    let store = open(folder.path(), &clock);
    let bench = Bench { store, clock, folder };
    assert_eq!(bench.counted(), (7, 2));
    assert_eq!(refusal(bench.add(vec![text("x")], memories(7))), (Bound::Memories, 7, 7));
}

#[derive(Debug, Clone)]
enum Step {
    Create { rows: Vec<(u8, Option<u8>, bool)>, limit: Option<u64> },
    Move { id: i64, to: u8 },
    Revert { id: i64 },
    Delete { id: i64 },
    DeleteWorkspace { of: u8 },
    Purge,
    Wait,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0..4_u8, proptest::option::of(0..3_u8), any::<bool>());
    let id = 1..30_i64;
    prop_oneof![
        4 => (proptest::collection::vec(row, 1..5), proptest::option::of(0..12_u64))
            .prop_map(|(rows, limit)| Step::Create { rows, limit }),
        2 => (id.clone(), 0..5_u8).prop_map(|(id, to)| Step::Move { id, to }),
        1 => id.clone().prop_map(|id| Step::Revert { id }),
        2 => id.prop_map(|id| Step::Delete { id }),
        1 => (0..4_u8).prop_map(|of| Step::DeleteWorkspace { of }),
        1 => Just(Step::Purge),
        1 => Just(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

impl Bench {
    /// Does a step; what it refuses is part of the game.
    fn step(&mut self, step: Step) {
        match step {
            Step::Create { rows, limit } => {
                let row = |(workspace, key, fleeting): (u8, Option<u8>, bool)| {
                    let new = within(&format!("w{workspace}"));
                    let new = NewMemory { custom_id: key.map(|key| format!("k{key}")), ..new };
                    if fleeting { self.expiring_in(1_500, new) } else { new }
                };
                let bounds = Bounds { memories: limit, workspaces: limit.map(|n| n / 3), file_bytes: None };
                let _ = self.add(rows.into_iter().map(row).collect(), bounds);
            }
            Step::Move { id, to } => {
                let patch =
                    MemoryPatch { workspace: Change::Set(format!("w{to}")), ..MemoryPatch::default() };
                let _ = self.store.update(id, patch, None, None, workspaces(3));
            }
            Step::Revert { id } => drop(self.store.revert(id, 1, None, None, workspaces(3))),
            Step::Delete { id } => drop(self.store.delete(id)),
            Step::DeleteWorkspace { of } => {
                let workspace = Some(format!("w{of}"));
                self.store.delete_matching(everything(), workspace, DeleteMode::Delete).unwrap();
            }
            Step::Purge => drop(self.store.purge_expired().unwrap()),
            Step::Wait => self.clock.advance_ms(1_000),
            Step::Reopen => self.reopen_after_a_crash(),
        }
    }

    /// Goes on with what a crash would leave: the file and its log as they are now, without a goodbye.
    fn reopen_after_a_crash(&mut self) {
        let left = tempfile::tempdir().unwrap();
        for name in ["engram.db", "engram.db-wal"] {
            let _ = std::fs::copy(self.folder.path().join(name), left.path().join(name));
        }
        self.store = open(left.path(), &self.clock);
        self.folder = left;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_tally_is_what_counting_gives_after_anything(steps in proptest::collection::vec(step(), 1..40)) {
        let mut bench = bench();
        for step in steps {
            bench.step(step);
            bench.counted();
        }
    }
}
