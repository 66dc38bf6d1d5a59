//! Swaps that end at every step, by a panic here and by a real death in `kill_9`.

mod kill_9;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

thread_local! {
    /// Steps left until the next one panics.
    static STEPS_LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Ends the process or the test here, if it is time.
pub(crate) fn step(name: &str) {
    kill_9::step();
    STEPS_LEFT.with(|left| match left.get() {
        0 => {
            left.set(u32::MAX);
            panic!("the test ends here: {name}");
        }
        n => left.set(n - 1),
    });
}

/// Every file under a folder, by its path, with its contents.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(contents(&path).into_iter().map(|(inner, text)| (format!("{name}/{inner}"), text)));
        } else {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

fn map(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

struct Tenant {
    _root: tempfile::TempDir,
    folder: PathBuf,
    new: PathBuf,
    files: Files,
}

fn tenant(old: &[(&str, &str)]) -> Tenant {
    let root = tempfile::tempdir().unwrap();
    let (folder, new) = (root.path().join("tenant"), root.path().join("new.db"));
    fs::create_dir(&folder).unwrap();
    old.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
    fs::write(&new, "new").unwrap();
    Tenant { files: Files::of(&folder.join("engram.db")), _root: root, folder, new }
}

const OLD: &[(&str, &str)] =
    &[("engram.db", "old"), ("engram.db-shm", "old shm"), ("engram.db-wal", "old wal")];
const KEEP: &str = "engram.db.bak-7";

#[test]
fn the_new_file_takes_the_place_and_all_old_ones_are_kept() {
    let t = tenant(OLD);
    let kept = t.files.swap(&t.new, KEEP).unwrap();
    t.files.confirm().unwrap();
    assert_eq!(kept.as_deref(), Some(KEEP));
    let want = [
        ("engram.db", "new"),
        ("engram.db.bak-7/engram.db", "old"),
        ("engram.db.bak-7/engram.db-shm", "old shm"),
        ("engram.db.bak-7/engram.db-wal", "old wal"),
    ];
    assert_eq!(contents(&t.folder), map(&want));
    t.files.recover().unwrap();
    assert_eq!(contents(&t.folder), map(&want));
}

#[test]
fn what_is_not_confirmed_is_undone() {
    for old in [OLD, &OLD[..1], &[]] {
        let t = tenant(old);
        t.files.swap(&t.new, KEEP).unwrap();
        // What opening the new file left beside it.
        fs::write(t.folder.join("engram.db-wal"), "new wal").unwrap();
        t.files.recover().unwrap();
        assert_eq!(contents(&t.folder), map(old));
    }
}

#[test]
fn a_crash_at_any_step_and_at_any_step_of_the_recovery_leaves_one_set_whole() {
    for old in [OLD, &OLD[..1], &OLD[..2], &[]] {
        let (mut crashes, mut new_stayed) = (0, 0);
        for (swap_steps, recovery_steps) in (0..12).flat_map(|s| (0..9).map(move |r| (s, r))) {
            let t = tenant(old);
            STEPS_LEFT.set(swap_steps);
            let swapping = catch_unwind(AssertUnwindSafe(|| {
                t.files.swap(&t.new, KEEP).unwrap();
                t.files.confirm().unwrap();
            }));
            crashes += usize::from(swapping.is_err());
            STEPS_LEFT.set(recovery_steps);
            let recovering = catch_unwind(AssertUnwindSafe(|| t.files.recover().unwrap()));
            crashes += usize::from(recovering.is_err());
            STEPS_LEFT.set(u32::MAX);
            t.files.recover().unwrap();
            let mut found = contents(&t.folder);
            let kept: Vec<_> = found.keys().filter(|name| name.starts_with(KEEP)).cloned().collect();
            let kept: BTreeMap<_, _> =
                kept.iter().map(|name| (name.clone(), found.remove(name).unwrap())).collect();
            let here = format!("{old:?}, swap cut at {swap_steps}, recovery at {recovery_steps}");
            if found.get("engram.db").is_some_and(|text| text == "new") {
                new_stayed += 1;
                assert_eq!(found, map(&[("engram.db", "new")]), "{here}");
                assert_eq!(kept.len(), old.len(), "{here}");
            } else {
                assert_eq!(found, map(old), "{here}");
                assert_eq!(kept.len(), 0, "{here}");
            }
        }
        assert!(crashes > 50 && new_stayed > 0, "{crashes} crashes, {new_stayed} swaps");
    }
}

#[test]
fn a_journal_that_is_no_journal_moves_nothing() {
    let t = tenant(OLD);
    for text in ["", "../elsewhere\nsome\n", "engram.db.bak-\nsome\n", "engram.db.bak-7x\nnone\n"] {
        fs::write(t.folder.join(JOURNAL), text).unwrap();
        assert!(t.files.recover().is_err(), "{text}");
        assert_eq!(fs::read_to_string(t.folder.join("engram.db")).unwrap(), "old");
    }
}

#[test]
fn a_name_that_an_earlier_swap_took_is_not_taken_again() {
    let t = tenant(OLD);
    let first = t.files.free_name(REPLACED, 7);
    t.files.swap(&t.new, &first).unwrap();
    t.files.confirm().unwrap();
    fs::write(&t.new, "newer").unwrap();
    assert_eq!((first.as_str(), t.files.free_name(REPLACED, 7).as_str()), (KEEP, "engram.db.bak-8"));
    let before = contents(&t.folder);
    assert!(t.files.swap(&t.new, &first).is_err());
    t.files.recover().unwrap();
    assert_eq!(contents(&t.folder), before, "what was kept before stays where it is");
}

#[test]
fn a_log_beside_the_new_file_goes_along() {
    for confirmed in [true, false] {
        let t = tenant(OLD);
        let beside = |ending: &str| t.new.with_file_name(format!("new.db{ending}"));
        fs::write(beside("-wal"), "new wal").unwrap();
        fs::write(beside("-shm"), "new shm").unwrap();
        t.files.swap(&t.new, KEEP).unwrap();
        assert_eq!(fs::read_to_string(t.folder.join("engram.db-wal")).unwrap(), "new wal");
        assert!(!t.folder.join("engram.db-shm").exists() && !beside("-shm").exists());
        if confirmed {
            t.files.confirm().unwrap();
        }
        t.files.recover().unwrap();
        let stands = fs::read_to_string(t.folder.join("engram.db-wal")).unwrap();
        assert_eq!(stands, if confirmed { "new wal" } else { "old wal" });
    }
}
