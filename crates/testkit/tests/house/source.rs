//! Source files say what they are, stay small enough to be one thing, and name nothing of the machine they were
//! written on.

use testkit::repository::{File, files_ending_in};
use testkit::tracked_files;

/// Most lines of one file that is not a test.
const LINES_MAX: usize = 500;
/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];
/// Names that say nothing of what is inside.
const NAMELESS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types"];

#[test]
fn every_source_file_starts_with_what_it_is() {
    let silent = files_ending_in(".rs").into_iter().filter(|file| {
        let words = file.text.lines().map_while(|line| line.strip_prefix("//! "));
        !words.flat_map(str::split_whitespace).any(|word| word.len() > 1 && word.ends_with('.'))
    });
    let silent: Vec<_> = silent.map(|file| file.path).collect();
    assert!(silent.is_empty(), "no first sentence that ends in a period: {silent:?}");
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
        let modules = file.text.lines().filter_map(|line| line.split_once("mod ")).map(|(_, name)| name);
        let names = modules.filter_map(|name| name.split([' ', ';']).next());
        let drawer = names.filter(|name| NAMELESS.contains(name)).collect::<Vec<_>>();
        assert!(drawer.is_empty(), "{}: name what is in {drawer:?}", file.path);
    }
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Taken apart, so that this file does not name them.
    let hosts = [
        concat!("registry.", "npmjs"),
        concat!("://crates", ".io"),
        concat!("://www.crates", ".io"),
        concat!("files.python", "hosted"),
        concat!("py", "pi.org"),
        concat!("deb.", "debian.org"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
    ];
    let folders = ["work/", "farm/", "root/", "tmp/plan"].map(|name| format!("/{name}"));
    let homes = format!("/{}/", "home");
    // Cargo writes its lock file itself; what holds a zero byte is no text.
    let texts = |file: &File| file.path != "Cargo.lock" && !file.text.contains('\0');
    for file in tracked_files().into_iter().filter(texts) {
        for line in file.text.lines() {
            let host = hosts.iter().find(|host| line.contains(**host));
            assert!(host.is_none(), "{} names a registry's host: {line}", file.path);
            assert!(!names_a_home(line, &homes), "{} names somebody's home: {line}", file.path);
            for folder in &folders {
                assert!(!starts_a_path(line, folder), "{} names a folder of a machine: {line}", file.path);
            }
        }
    }
}

#[test]
fn a_path_of_a_machine_is_told_from_a_part_of_another_path() {
    let farm = format!("/{}/", "farm");
    for (line, want) in [
        ("cd /FOLDER/x", true),
        ("\"/FOLDER/x\"", true),
        ("file:///FOLDER/x", true),
        ("/FOLDER/", true),
        ("src/FOLDER/x", false),
        ("../FOLDER/x", false),
        ("${ROOT}/FOLDER/x", false),
        ("/FOLDERs/x", false),
    ] {
        let line = line.replace("FOLDER", "farm");
        assert_eq!(starts_a_path(&line, &farm), want, "{line}");
    }
}

/// Whether `folder` stands in the line at the start of a path.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| begins_at(line, at))
}

/// Whether the line holds a path into somebody's home: `homes`, a name, and a slash.
fn names_a_home(line: &str, homes: &str) -> bool {
    line.match_indices(homes).any(|(at, _)| {
        let rest = line[at + homes.len()..]
            .trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        begins_at(line, at) && rest.starts_with('/') && !line[at + homes.len()..].starts_with('/')
    })
}

/// Whether a path may begin at this byte: what stands before is no part of a longer one.
fn begins_at(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '}')))
}
