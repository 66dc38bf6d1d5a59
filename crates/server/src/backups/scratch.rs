//! A folder for copies on their way, removed whatever happens.

use std::path::{Path, PathBuf};

use fleet::Fleet;

use super::Trouble;

/// A folder of its own on the volume of the stores.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(fleet: &Fleet) -> Result<Self, Trouble> {
        let folder = fleet.scratch().join(stdx::random::token(12));
        let made = std::fs::create_dir(&folder);
        made.map_err(|error| Trouble::Refused(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
