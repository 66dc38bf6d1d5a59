//! Puts another file in the place of a tenant's database, or leaves everything as it was.
//!
//! A journal says that a swap is on its way; the files that were there move into a folder beside it, the new file takes
//! their place, and the swap is done when the journal is gone. Whoever finds a journal puts the old files back, so a crash
//! at any step ends with the old set whole or the new one whole. A database never stays beside another one's write-ahead
//! log: SQLite would replay it (428 foreign rows came back that way, with an integrity check that said "ok").

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use stdx::atomic_file;

/// Says that a swap is on its way: its first line is the name of the folder of what was there, its second `some` or
/// `none` for whether there was anything.
const JOURNAL: &str = "swap.journal";
/// A database and what SQLite keeps beside it.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];
/// Begins the names of folders with files that were replaced.
pub(crate) const REPLACED: &str = "engram.db.bak-";
/// The same for files that were damaged.
pub(crate) const CORRUPT: &str = "engram.db.corrupt-";

/// The files of a tenant, with nobody at them.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    database: PathBuf,
    folder: PathBuf,
}

impl Files {
    pub(crate) fn of(database: &Path) -> Self {
        let folder = database.parent().unwrap_or(Path::new(".")).to_owned();
        Self { database: database.to_owned(), folder }
    }

    /// Moves what is there into the folder `keep_as`, and `new` into its place. Returns the folder's name, if there was
    /// anything. Until [`confirm`](Self::confirm), [`recover`](Self::recover) puts everything back.
    pub(crate) fn swap(&self, new: &Path, keep_as: &str) -> io::Result<Option<String>> {
        self.recover()?;
        let kept_in = self.folder.join(keep_as);
        let had = if self.database.exists() { "some" } else { "none" };
        atomic_file::write(&self.folder.join(JOURNAL), format!("{keep_as}\n{had}\n").as_bytes(), 0o600)?;
        step("journal");
        DirBuilder::new().mode(0o700).create(&kept_in)?;
        // The database goes last: as long as it is not among those that were moved, what stands here is the old one.
        for ending in ENDINGS.iter().rev() {
            if rename_if_there(&self.file(ending), &kept_in.join(name(ending)))? {
                step("moved");
            }
        }
        atomic_file::sync_folder(&kept_in)?;
        atomic_file::sync_folder(&self.folder)?;
        step("old away");
        File::open(new)?.sync_all()?;
        fs::rename(new, &self.database)?;
        atomic_file::sync_folder(&self.folder)?;
        step("new in place");
        if had == "none" {
            // Not empty when a log lay there without its database; it is kept, then.
            let _ = fs::remove_dir(&kept_in);
            return Ok(None);
        }
        Ok(Some(keep_as.to_owned()))
    }

    /// From here on the new file stays.
    pub(crate) fn confirm(&self) -> io::Result<()> {
        step("confirming");
        fs::remove_file(self.folder.join(JOURNAL))?;
        atomic_file::sync_folder(&self.folder)?;
        step("confirmed");
        Ok(())
    }

    /// Puts back what a swap that was not finished had moved away. Safe to repeat, and cheap when there is nothing to do.
    pub(crate) fn recover(&self) -> io::Result<()> {
        let journal = self.folder.join(JOURNAL);
        let text = match fs::read_to_string(&journal) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut lines = text.lines();
        let (keep_as, had) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if !is_kept_name(keep_as) {
            return Err(io::Error::new(ErrorKind::InvalidData, "the journal of a swap cannot be read"));
        }
        let kept_in = self.folder.join(keep_as);
        if had == "none" || kept_in.join(name("")).exists() {
            // What stands here is the new file, which was never confirmed.
            for ending in ENDINGS {
                remove_if_there(&self.file(ending))?;
            }
            step("new removed");
        }
        for ending in ENDINGS {
            if rename_if_there(&kept_in.join(name(ending)), &self.file(ending))? {
                step("moved back");
            }
        }
        match fs::remove_dir(&kept_in) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        atomic_file::sync_folder(&self.folder)?;
        step("old back");
        fs::remove_file(&journal)?;
        atomic_file::sync_folder(&self.folder)
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(name(ending))
    }
}

/// Whether a folder's name is one that a swap gave.
pub(crate) fn is_kept_name(name: &str) -> bool {
    let digits = name.strip_prefix(REPLACED).or_else(|| name.strip_prefix(CORRUPT));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn name(ending: &str) -> String {
    format!("engram.db{ending}")
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A place where a test may end the process.
#[cfg(not(test))]
fn step(_: &str) {}

#[cfg(test)]
thread_local! {
    /// Steps left until the next one panics.
    static STEPS_LEFT: std::cell::Cell<u32> = const { std::cell::Cell::new(u32::MAX) };
}

#[cfg(test)]
fn step(name: &str) {
    STEPS_LEFT.with(|left| match left.get() {
        0 => {
            left.set(u32::MAX);
            panic!("the test ends here: {name}");
        }
        n => left.set(n - 1),
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Every file under a folder, by its path, with its contents.
    fn contents(folder: &Path) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                found.extend(
                    contents(&path).into_iter().map(|(inner, text)| (format!("{name}/{inner}"), text)),
                );
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
}
