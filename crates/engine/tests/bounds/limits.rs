//! Each bound, at its edge.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Bound, Bounds, Change, DeleteMode, Idempotency, MemoryPatch};

use crate::{add, bench, everything, file_bytes, keyed, memories, refusal, text, within, workspaces};

#[test]
fn two_hundred_callers_at_once_store_exactly_as_many_as_may_be() {
    let bench = bench();
    bench.add(vec![text("before")], Bounds::NONE).unwrap();
    let (stored, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for caller in 0..200 {
            let (store, stored, refused) = (bench.store.clone(), &stored, &refused);
            scope.spawn(move || match add(&store, vec![text(&format!("m{caller}"))], None, memories(50)) {
                Ok(_) => stored.fetch_add(1, Ordering::Relaxed),
                outcome => {
                    assert_eq!(refusal(outcome), (Bound::Memories, 50, 50));
                    refused.fetch_add(1, Ordering::Relaxed)
                }
            });
        }
    });
    assert_eq!((stored.into_inner(), refused.into_inner()), (49, 151));
    assert_eq!(bench.counted(), (50, 1));
}

#[test]
fn a_batch_fits_or_nothing_of_it_is_stored() {
    let bench = bench();
    bench.add(vec![text("a"), text("b")], memories(5)).unwrap();
    let rows = |count: usize| vec![text("row"); count];
    assert_eq!(refusal(bench.add(rows(4), memories(5))), (Bound::Memories, 2, 5));
    assert_eq!(bench.counted(), (2, 1));
    bench.add(rows(3), memories(5)).unwrap();
    assert_eq!(refusal(bench.add(rows(1), memories(5))), (Bound::Memories, 5, 5));
    assert_eq!(bench.counted(), (5, 1));
}

#[test]
fn what_creates_nothing_is_not_refused() {
    let bench = bench();
    let once = Some(Idempotency { key: "k".into(), fingerprint: [1; 32] });
    let first = add(&bench.store, vec![text("a")], once.clone(), memories(2)).unwrap();
    bench.add(vec![keyed("id", "b")], memories(2)).unwrap();
    let size = bench.store.tally().unwrap().file_bytes;
    let tight = Bounds { memories: Some(2), workspaces: Some(1), file_bytes: Some(size) };
    let again = add(&bench.store, vec![text("a")], once, Bounds { file_bytes: Some(1), ..tight }).unwrap();
    assert_eq!((again.created, again.items[0].memory.id), (0, first.items[0].memory.id));
    bench.add(vec![keyed("id", "b")], Bounds { file_bytes: Some(1), ..tight }).unwrap();
    let updated = bench.add(vec![keyed("id", "c")], memories(2)).unwrap();
    assert_eq!((updated.created, updated.items[0].memory.version), (0, 2));
    assert_eq!(refusal(bench.add(vec![keyed("id", "d"), text("e")], memories(2))), (Bound::Memories, 2, 2));
    assert_eq!(bench.store.get(updated.items[0].memory.id).unwrap().content, "c");
}

#[test]
fn a_workspace_counts_while_it_holds_a_memory() {
    let bench = bench();
    let a = bench.add(vec![within("a")], workspaces(2)).unwrap().items.remove(0).memory;
    bench.add(vec![within("b"), within("b")], workspaces(2)).unwrap();
    assert_eq!(refusal(bench.add(vec![within("b"), within("c")], workspaces(2))), (Bound::Workspaces, 2, 2));
    let moved = |to: &str| {
        let patch = MemoryPatch { workspace: Change::Set(to.into()), ..MemoryPatch::default() };
        bench.store.update(a.id, patch, None, None, workspaces(2))
    };
    // It takes its workspace with it; that makes no third.
    moved("c").unwrap();
    assert_eq!(bench.counted(), (3, 2));
    bench.add(vec![within("c")], workspaces(2)).unwrap();
    assert_eq!(refusal(moved("d")), (Bound::Workspaces, 2, 2));
    assert_eq!(bench.store.get(a.id).unwrap().workspace, "c");
    assert_eq!(refusal(bench.store.revert(a.id, 1, None, None, workspaces(2))), (Bound::Workspaces, 2, 2));
    bench.store.delete_matching(everything(), Some("b".into()), DeleteMode::Delete).unwrap();
    moved("d").unwrap();
    assert_eq!(bench.counted(), (2, 2));
}

#[test]
fn what_has_expired_makes_room() {
    let bench = bench();
    let fleeting = |workspace| bench.expiring_in(1_000, within(workspace));
    bench.add(vec![fleeting("a"), fleeting("a"), fleeting("b"), within("c")], Bounds::NONE).unwrap();
    assert_eq!(refusal(bench.add(vec![within("c")], memories(4))), (Bound::Memories, 4, 4));
    bench.clock.advance_ms(1_000);
    bench.add(vec![within("c"), within("c")], memories(4)).unwrap();
    assert_eq!(bench.counted(), (4, 2));
    assert_eq!(refusal(bench.add(vec![within("c"); 2], memories(4))), (Bound::Memories, 3, 4));
    assert_eq!(bench.counted(), (4, 2), "a refused write purges nothing either");
    bench.add(vec![within("d")], workspaces(2)).unwrap();
    assert_eq!(bench.counted(), (4, 2));
}

#[test]
fn a_refused_write_takes_nothing_of_the_others_with_it() {
    let bench = bench();
    let large = "word ".repeat(10_000);
    bench.add(vec![text("before")], Bounds::NONE).unwrap();
    let limit = bench.store.tally().unwrap().file_bytes + 100_000;
    let stored = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for caller in 0..32 {
            let (store, stored, large) = (bench.store.clone(), &stored, &large);
            scope.spawn(move || {
                let (size, bounds) = if caller % 2 == 0 { (1, Bounds::NONE) } else { (8, file_bytes(limit)) };
                match add(&store, vec![text(&large[..large.len() / 10 * size]); size], None, bounds) {
                    Ok(done) => stored.fetch_add(done.created, Ordering::Relaxed),
                    outcome => {
                        assert_eq!(refusal(outcome).0, Bound::FileBytes);
                        0
                    }
                };
            });
        }
    });
    assert_eq!(bench.counted().0, 1 + stored.into_inner());
}

#[test]
fn the_file_grows_to_its_bound_and_no_page_further() {
    let bench = bench();
    let limit = 100 * 4_096;
    let add = |words: usize| bench.add(vec![text(&"word ".repeat(words))], file_bytes(limit));
    let mut refused = None;
    for _ in 0..200 {
        if let Err(error) = add(2_000) {
            refused = Some(error);
            break;
        }
    }
    let before = bench.store.tally().unwrap().file_bytes;
    let (what, current, of) = refusal(Err::<(), _>(refused.unwrap()));
    assert_eq!((what, current, of), (Bound::FileBytes, before, limit));
    assert!(before <= limit && before > limit / 10 * 9, "{before}");
    bench.store.checkpoint().unwrap();
    let size = std::fs::metadata(bench.store.path()).unwrap().len();
    assert!(size <= limit, "{size}");
    // Reads, searches and deletes go on, and give the room back.
    assert!(bench.store.get(1).is_ok());
    for id in 1..=20 {
        bench.store.delete(id).unwrap();
    }
    let left = bench.store.tally().unwrap().file_bytes;
    // An empty store has nearly fifty pages of its own.
    assert!(left < limit / 10 * 6, "{left}");
    add(2_000).unwrap();
}

#[test]
fn a_bound_that_changes_holds_for_the_next_write() {
    let bench = bench();
    let size = |rows: usize| vec![text(&"word ".repeat(2_000)); rows];
    bench.add(size(20), Bounds::NONE).unwrap();
    let used = bench.store.tally().unwrap().file_bytes;
    for lowered in [memories(1), file_bytes(used / 2), file_bytes(0), memories(0)] {
        refusal(bench.add(vec![text("more")], lowered));
        assert_eq!(bench.store.get(1).unwrap().version, 1);
    }
    let patch = || MemoryPatch { content: Change::Set("less".into()), ..MemoryPatch::default() };
    refusal(bench.store.update(1, patch(), None, None, file_bytes(used / 2)));
    bench
        .add(size(1), Bounds { memories: Some(21), workspaces: Some(1), file_bytes: Some(used * 2) })
        .unwrap();
    bench.store.update(1, patch(), None, None, memories(1)).unwrap();
    bench.store.delete(2).unwrap();
    assert_eq!(bench.counted(), (20, 1));
}
