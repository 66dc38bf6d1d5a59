//! The files of the repository, as git sees them: what is tracked or about to be, nothing that is ignored.
//! Where there is no git (an unpacked archive), they are whatever lies there, without what was built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that a walk leaves out: what cargo built, git's own, and what tests leave behind.
const SKIPPED: &[&str] = &["target", ".git", ".hypothesis", "__pycache__"];

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path from the root, with `/`.
    pub path: String,
    /// Its text; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// The repository's root folder.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file that is there, sorted by path.
///
/// # Panics
/// When a folder cannot be read or a path is not UTF-8.
pub fn tracked_files() -> Vec<File> {
    let mut paths = listed_by_git().unwrap_or_else(|| found_in(&workspace_root()));
    paths.sort_unstable();
    paths.iter().filter_map(|path| read(path)).collect()
}

/// Every file whose path ends in `ending`.
pub fn files_ending_in(ending: &str) -> Vec<File> {
    tracked_files().into_iter().filter(|file| file.path.ends_with(ending)).collect()
}

/// What git lists; nothing without git, outside a checkout, or when git knows no file here.
fn listed_by_git() -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
    let output = git.current_dir(workspace_root()).output().ok()?;
    let listed = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let paths: Vec<_> = listed.split_terminator('\0').map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

/// Every file below `root`, with its path from there.
fn found_in(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let kind = entry.file_type().expect("the entry can be read");
            let path = entry.path();
            if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                folders.push(path);
            } else if kind.is_file() {
                let below = path.strip_prefix(root).expect("the walk stays below the root");
                found.push(below.to_str().expect("paths are UTF-8").to_owned());
            }
        }
    }
    found
}

/// A tracked file that was just removed is still listed; it is passed over.
fn read(path: &str) -> Option<File> {
    let bytes = std::fs::read(workspace_root().join(path)).ok()?;
    Some(File { path: path.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_git_no_file_is_missed() {
        let walked = found_in(&workspace_root());
        for file in tracked_files() {
            assert!(walked.contains(&file.path), "{} was not found by walking", file.path);
        }
        assert!(!walked.iter().any(|path| path.starts_with("target/") || path.starts_with(".git/")));
    }
}
