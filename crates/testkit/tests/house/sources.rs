//! Source files say what they are, stay small enough to be one thing, and name nothing of the machine they were
//! written on.

use testkit::repository::{files, files_ending_in};

/// Most lines of one file that is not a test.
const LINES_MAX: usize = 500;
/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[
    (
        "crates/engine/src/filter.rs",
        "the filter grammar whole: what is parsed and the SQL it becomes stand side by side",
    ),
    ("crates/engine/src/write.rs", "every write of a memory with what it entails, which change together"),
];
/// Names that say nothing of what is inside.
const NAMELESS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types"];

#[test]
fn every_source_file_starts_with_what_it_is() {
    let silent = files_ending_in(".rs").into_iter().filter(|file| {
        let first = file.text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|sentence| sentence.trim().is_empty())
    });
    let silent: Vec<_> = silent.map(|file| file.path).collect();
    assert!(silent.is_empty(), "no first sentence: {silent:?}");
}

#[test]
fn no_file_is_two_things_long() {
    let long = |path: &str, lines: usize| lines > LINES_MAX && !path.contains("/tests/");
    let files = files_ending_in(".rs");
    for file in &files {
        let lines = file.text.lines().count();
        let listed = LONGER.iter().any(|(path, _)| *path == file.path);
        assert_eq!(long(&file.path, lines), listed, "{} has {lines} lines", file.path);
    }
    for (path, _) in LONGER {
        assert!(files.iter().any(|file| file.path == *path), "{path} is listed but not there");
    }
}

#[test]
fn no_module_is_a_drawer() {
    for file in files_ending_in(".rs") {
        let parts = file.path.trim_end_matches(".rs").split('/');
        let drawer = parts.filter(|part| NAMELESS.contains(part)).collect::<Vec<_>>();
        assert!(drawer.is_empty(), "{}: name what is in it", file.path);
    }
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Taken apart, so that this file does not name them.
    let hosts = [
        concat!("registry.", "npmjs"),
        concat!("files.python", "hosted"),
        concat!("py", "pi.org"),
        concat!("deb.", "debian.org"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
    ];
    let folders = ["work", "farm", "root"].map(|name| format!("/{name}/"));
    // Cargo writes its lock file itself.
    for file in files().into_iter().filter(|file| file.path != "Cargo.lock") {
        for line in file.text.lines() {
            let host = hosts.iter().find(|host| line.contains(**host));
            assert!(host.is_none(), "{} names a registry's host: {line}", file.path);
            for folder in &folders {
                assert!(!starts_a_path(line, folder), "{} names a folder of a machine: {line}", file.path);
            }
        }
    }
}

/// Whether `folder` stands in the line at the start of a path.
fn starts_a_path(line: &str, folder: &str) -> bool {
    let before = line.match_indices(folder).map(|(at, _)| line[..at].chars().next_back());
    before.into_iter().any(|before| {
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '}')))
    })
}
