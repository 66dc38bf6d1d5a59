//! Damaged files: what can be read of them is saved as it was, nothing is made up, and an import takes it.

use std::collections::HashSet;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use engine::{
    Bounds, Change, Draft, EngineError, ImportIds, MemoryPatch, NewMemory, Store, StoreOptions, Wreck,
    check_export,
};
use stdx::clock::{Clock, ManualClock};

const PAGE: usize = 4_096;

fn clock() -> Arc<ManualClock> {
    ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap())
}

fn open(path: &Path) -> Store {
    Store::open(path, StoreOptions { clock: clock(), model: None }).unwrap()
}

fn draft(n: usize) -> Draft {
    let memory = NewMemory {
        content: format!(
            "memory number {n} about {} and what the river carries {}",
            n * 7,
            "x".repeat(n % 400)
        ),
        workspace: Some(format!("team{}", n % 3)),
        session_id: Some(format!("s{}", n % 5)),
        ..NewMemory::default()
    };
    Draft { memory, embedded: None }
}

/// A store of 300 memories, a third of them with a history.
fn fill(path: &Path) -> Store {
    let store = open(path);
    for batch in 0..3 {
        store.create((0..100).map(|n| draft(batch * 100 + n)).collect(), None, Bounds::NONE).unwrap();
    }
    for id in (3..=300).step_by(3) {
        let patch =
            MemoryPatch { content: Change::Set(format!("memory {id} again")), ..MemoryPatch::default() };
        store.update(id, patch, None, None, Bounds::NONE).unwrap();
    }
    store
}

fn lines_of(path: &Path) -> Result<(engine::Salvaged, String), EngineError> {
    let mut lines = Vec::new();
    let saved = Wreck::open(path)?.salvage(clock().now(), &mut lines)?;
    Ok((saved, String::from_utf8(lines).unwrap()))
}

fn export(store: &Store) -> String {
    let mut lines = Vec::new();
    store.export(&mut lines, &mut |_, _| {}).unwrap();
    String::from_utf8(lines).unwrap()
}

#[test]
fn a_whole_file_is_saved_like_it_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let store = fill(&folder.path().join("engram.db"));
    let copy = folder.path().join("copy.db");
    store.snapshot(&copy).unwrap();
    let (saved, lines) = lines_of(&copy).unwrap();
    assert_eq!((saved.memories, saved.earlier_versions, saved.lost.len()), (300, 100, 0));
    assert!(lines == export(&store));
}

#[test]
fn what_only_the_log_holds_is_saved_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = fill(&folder.path().join("engram.db"));
    store.checkpoint().unwrap();
    store.create(vec![draft(300)], None, Bounds::NONE).unwrap();
    for ending in ["", "-wal"] {
        let name = |stem: &str| folder.path().join(format!("{stem}.db{ending}"));
        fs::copy(name("engram"), name("copy")).unwrap();
    }
    let (saved, lines) = lines_of(&folder.path().join("copy.db")).unwrap();
    assert_eq!((saved.memories, saved.lost.len()), (301, 0));
    assert!(lines == export(&store));
}

#[test]
fn any_one_damaged_page_costs_what_was_on_it_and_nothing_is_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = fill(&folder.path().join("engram.db"));
    let (whole, damaged) = (folder.path().join("whole.db"), folder.path().join("damaged.db"));
    store.snapshot(&whole).unwrap();
    let good = export(&store);
    let known: HashSet<&str> = good.lines().collect();
    let pages = fs::metadata(&whole).unwrap().len() as usize / PAGE;
    let (mut saved_in_all, mut worst, mut refused) = (0, 300, 0);
    for page in 0..pages {
        for fill in [0u8, 0xFF, 0x5A] {
            fs::copy(&whole, &damaged).unwrap();
            let mut file = fs::OpenOptions::new().write(true).open(&damaged).unwrap();
            file.seek(SeekFrom::Start((page * PAGE) as u64)).unwrap();
            file.write_all(&[fill; PAGE]).unwrap();
            let Ok((saved, lines)) = lines_of(&damaged) else {
                refused += 1;
                continue;
            };
            check_export(&mut lines.as_bytes()).unwrap();
            assert!(saved.memories + saved.lost.len() as u64 <= 300);
            saved_in_all += saved.memories;
            worst = worst.min(saved.memories);
            // A damaged page of names or places costs those; the memory itself is never another one.
            let same = lines.lines().filter(|line| known.contains(line)).count();
            let texts = |lines: &str| -> HashSet<String> {
                let text =
                    |line: &str| Some(line.split_once("\"content\":\"")?.1.split_once('"')?.0.to_owned());
                lines.lines().filter_map(text).collect()
            };
            assert!(texts(&lines).is_subset(&texts(&good)), "page {page}");
            assert!(
                same > 0 || saved.memories == 0 || page < 10,
                "page {page}: {same} of {}",
                saved.memories
            );
        }
    }
    let mean = saved_in_all as f64 / (pages * 3 - refused) as f64;
    assert!(refused <= 12, "{refused} of {} could not be opened", pages * 3);
    assert!(mean > 285.0, "{mean} of 300 on average, {worst} at worst");
}

#[test]
fn a_damaged_store_is_imported_into_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = fill(&folder.path().join("engram.db"));
    let damaged = folder.path().join("damaged.db");
    store.snapshot(&damaged).unwrap();
    let length = fs::metadata(&damaged).unwrap().len();
    for part in [10, 25, 50, 90] {
        fs::File::options().write(true).open(&damaged).unwrap().set_len(length * part / 100).unwrap();
        if let Ok((saved, lines)) = lines_of(&damaged) {
            let new = open(&folder.path().join(format!("new{part}.db")));
            let done =
                new.import(&mut lines.as_bytes(), ImportIds::Keep, Bounds::NONE, &mut |_, _| {}).unwrap();
            assert_eq!(done.memories, saved.memories, "{part} %");
        }
        store.snapshot(&folder.path().join("again.db")).unwrap();
        fs::rename(folder.path().join("again.db"), &damaged).unwrap();
    }
    fs::write(&damaged, "no database at all").unwrap();
    assert!(matches!(lines_of(&damaged), Err(EngineError::Damaged(_))));
}
