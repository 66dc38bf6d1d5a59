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

use crate::quarantine::NOTE;

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

    /// A name for what a swap at `at_ms` replaces that no earlier one has.
    pub(crate) fn free_name(&self, kind: &str, at_ms: i64) -> String {
        let mut names = (at_ms.max(0)..).map(|ms| format!("{kind}{ms}"));
        names.find(|name| !self.folder.join(name).exists()).unwrap_or_default()
    }

    /// Moves the database `copy` into a folder of its own, like one that a swap at `at_ms` replaced; returns its name.
    pub(crate) fn keep(&self, copy: &Path, at_ms: i64) -> io::Result<String> {
        let keep_as = self.free_name(REPLACED, at_ms);
        let kept_in = self.folder.join(&keep_as);
        DirBuilder::new().mode(0o700).create(&kept_in)?;
        File::open(copy)?.sync_all()?;
        fs::rename(copy, kept_in.join(name("")))?;
        self.sync_with(&kept_in)?;
        Ok(keep_as)
    }

    /// Copies the database and what SQLite keeps beside it into the new folder `into`; returns the database there.
    pub(crate) fn copy(&self, into: &Path) -> io::Result<PathBuf> {
        DirBuilder::new().mode(0o700).create(into)?;
        for ending in ENDINGS {
            match fs::copy(self.file(ending), into.join(name(ending))) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(into.join(name("")))
    }

    /// Moves what is there into the folder `keep_as`, and `new` with its sidecars into its place. Returns the folder's
    /// name, if there was anything. Until [`confirm`](Self::confirm), [`recover`](Self::recover) puts everything back.
    pub(crate) fn swap(&self, new: &Path, keep_as: &str) -> io::Result<Option<String>> {
        self.recover()?;
        let kept_in = self.folder.join(keep_as);
        if kept_in.exists() {
            // With a journal that names it, recovery would take what an earlier swap kept for what was here.
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{keep_as} is there already")));
        }
        File::open(new)?.sync_all()?;
        let had = if self.database.exists() { "some" } else { "none" };
        atomic_file::write(&self.folder.join(JOURNAL), format!("{keep_as}\n{had}\n").as_bytes(), 0o600)?;
        step("journal");
        DirBuilder::new().mode(0o700).create(&kept_in)?;
        // The database goes last: as long as it is not among those that were moved, what stands here is the old one.
        for ending in ["-shm", "-wal"] {
            if rename_if_there(&self.file(ending), &kept_in.join(name(ending)))? {
                step("sidecar away");
            }
        }
        self.sync_with(&kept_in)?;
        if rename_if_there(&self.database, &kept_in.join(name("")))? {
            step("moved");
        }
        // The reason why a damaged file is served to nobody stays with it.
        rename_if_there(&self.folder.join(NOTE), &kept_in.join(NOTE))?;
        self.sync_with(&kept_in)?;
        step("old away");
        self.bring_in(new)?;
        step("new in place");
        if had == "none" {
            // Not empty when a log lay there without its database; it is kept, then.
            let _ = fs::remove_dir(&kept_in);
            return Ok(None);
        }
        Ok(Some(keep_as.to_owned()))
    }

    /// Moves `new` to where nothing stands any more. Its log goes along: it may hold what `new` was not told yet.
    fn bring_in(&self, new: &Path) -> io::Result<()> {
        let beside = |ending: &str| {
            let mut path = new.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        remove_if_there(&beside("-shm"))?;
        if beside("-wal").exists() {
            File::open(beside("-wal"))?.sync_all()?;
            fs::rename(beside("-wal"), self.file("-wal"))?;
            step("log in place");
        }
        fs::rename(new, &self.database)?;
        atomic_file::sync_folder(&self.folder)
    }

    /// The name of the folder that a swap on its way, or one that was cut off, has put into its journal.
    pub(crate) fn on_its_way(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(JOURNAL)).ok()?;
        text.lines().next().map(str::to_owned)
    }

    fn sync_with(&self, kept_in: &Path) -> io::Result<()> {
        atomic_file::sync_folder(kept_in)?;
        atomic_file::sync_folder(&self.folder)
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
            // Before the old database is back: it must not meet the new one's log.
            atomic_file::sync_folder(&self.folder)?;
            step("new removed");
        }
        for ending in ENDINGS {
            if rename_if_there(&kept_in.join(name(ending)), &self.file(ending))? {
                step("moved back");
            }
        }
        rename_if_there(&kept_in.join(NOTE), &self.folder.join(NOTE))?;
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
pub(crate) fn step(_: &str) {}

#[cfg(test)]
pub(crate) use tests::step;

#[cfg(test)]
mod tests;
