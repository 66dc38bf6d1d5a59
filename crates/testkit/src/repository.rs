//! The files of the repository, as git sees them: what is tracked or about to be, nothing that is ignored.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path from the root, with `/`.
    pub path: String,
    /// Its text; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// The repository's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file that is there, sorted by path.
///
/// # Panics
/// Without git, or outside a checkout.
pub fn files() -> Vec<File> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(root());
    let output = git.output().expect("git lists the repository's files");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let mut paths: Vec<&str> = listed.split_terminator('\0').collect();
    paths.sort_unstable();
    assert!(!paths.is_empty(), "git knows no file here");
    paths.into_iter().filter_map(read).collect()
}

/// Every file whose path ends in `ending`.
pub fn files_ending_in(ending: &str) -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(ending)).collect()
}

/// A tracked file that was just removed is still listed; it is passed over.
fn read(path: &str) -> Option<File> {
    let bytes = std::fs::read(root().join(path)).ok()?;
    Some(File { path: path.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() })
}
