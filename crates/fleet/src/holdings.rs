//! What lies in a tenant's folder: counted before it is removed, so that the receipt can say it.

use std::fs;
use std::io;
use std::path::Path;

/// Files and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Files, at whatever depth.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Holdings {
    /// Walks the folder; a file that goes away meanwhile is not counted, a link is not followed.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let mut holdings = Self::default();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(holdings),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let found = match entry.metadata() {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if found.is_dir() {
                let inside = Self::of(&entry.path())?;
                holdings.files += inside.files;
                holdings.bytes += inside.bytes;
            } else {
                holdings.files += 1;
                holdings.bytes += found.len();
            }
        }
        Ok(holdings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_at_every_depth() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Holdings::of(&folder.path().join("none")).unwrap(), Holdings::default());
        fs::write(folder.path().join("a"), "12345").unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        fs::write(folder.path().join("b/c/d"), "123").unwrap();
        assert_eq!(Holdings::of(folder.path()).unwrap(), Holdings { files: 2, bytes: 8 });
    }
}
