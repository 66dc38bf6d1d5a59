//! Documents name only what is there: every path, link and crate.

use std::path::Path;

use testkit::packages;
use testkit::repository::{File, files_ending_in};
use testkit::{tracked_files, workspace_root};

/// A name with one of these endings is a file of ours, wherever it stands.
const SOURCE_ENDINGS: &[&str] = &[".rs", ".sql", ".md", ".sh"];
/// A span that starts with one of these is a path of ours, whether or not the folder is there yet.
const FOLDERS: &[&str] = &[".ci", "crates", "deploy", "docs", "scripts", "tests", "tools"];
/// Files of the root that no ending gives away.
const ROOT_FILES: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "NOTICE",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];
/// Methods of MCP that look like paths of ours.
const METHODS: &[&str] = &["tools/call", "tools/list"];

#[test]
fn every_path_in_a_document_exists() {
    let tree: Vec<_> = tracked_files().into_iter().map(|file| file.path).collect();
    let mut missing = Vec::new();
    for document in files_ending_in(".md") {
        for path in paths_in(&document.text, &tree) {
            if !exists(&document, &path, &tree) {
                missing.push(format!("{}: {path}", document.path));
            }
        }
    }
    assert!(missing.is_empty(), "named, but not there:\n{}", missing.join("\n"));
}

#[test]
fn architecture_has_a_line_for_every_crate() {
    let text =
        std::fs::read_to_string(workspace_root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    for package in packages::ours() {
        assert!(
            text.contains(&format!("| `{}` |", package.name)),
            "ARCHITECTURE.md has no line for {}",
            package.name
        );
    }
}

#[test]
fn documents_carry_no_line_numbers() {
    for document in files_ending_in(".md") {
        let numbered = document.text.split_whitespace().find(|word| {
            let after = word.split_once(".rs:").map(|(_, after)| after);
            after.is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()))
        });
        assert!(numbered.is_none(), "{}: {numbered:?} will not stay true", document.path);
    }
}

#[test]
fn spans_are_told_from_paths() {
    let tree = ["crates/api/src/lib.rs".to_owned(), "docs/adr/x.md".to_owned()];
    for (text, want) in [
        ("see `crates/api/src/`", &["crates/api/src/"][..]),
        ("`docs/adr/y.md` and [it](ARCHITECTURE.md#crates)", &["docs/adr/y.md", "ARCHITECTURE.md"]),
        ("`rank.rs` or [site](https://example.com/a.md)", &["rank.rs"]),
        ("`/v1/search`, `application/json`, `docs/adr/*.md`, `target/debug/engram`", &[]),
        ("`deploy/gone`, `.ci/gone`, `Cargo.toml`", &["deploy/gone", ".ci/gone", "Cargo.toml"]),
        ("`tools/call` but `tools/gone`", &["tools/gone"]),
        ("```sh\n`crates/gone`\n```", &[]),
    ] {
        assert_eq!(paths_in(text, &tree), want, "{text}");
    }
}

/// Paths a document names, in backticks or as links. Blocks of code are for readers to run, not to find.
fn paths_in(text: &str, tree: &[String]) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, block) in text.split("```").enumerate() {
        if at % 2 == 1 {
            continue;
        }
        let spans = block.split('`').enumerate().filter(|(at, _)| at % 2 == 1).map(|(_, span)| span);
        paths.extend(spans.filter(|span| is_path(span, tree)).map(str::to_owned));
        let links = block.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        let ours = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
        paths.extend(ours.map(|link| link.split('#').next().unwrap_or(link).to_owned()));
    }
    paths
}

/// A span that starts in a folder of the root, or is called like a file of ours.
fn is_path(span: &str, tree: &[String]) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if span.is_empty() || span.starts_with('/') || METHODS.contains(&span) || !span.chars().all(plain) {
        return false;
    }
    let in_folder = span.split_once('/').is_some_and(|(first, _)| {
        let in_tree = |path: &String| path.split_once('/').is_some_and(|(folder, _)| folder == first);
        FOLDERS.contains(&first) || tree.iter().any(in_tree)
    });
    in_folder || ROOT_FILES.contains(&span) || SOURCE_ENDINGS.iter().any(|ending| span.ends_with(ending))
}

/// From the root, beside the document, or, for a bare file name, anywhere.
fn exists(document: &File, path: &str, tree: &[String]) -> bool {
    let beside = Path::new(&document.path).parent().unwrap_or(Path::new("")).join(path);
    let nested = format!("/{path}");
    let bare = !path.contains('/') && tree.iter().any(|known| known.ends_with(&nested));
    workspace_root().join(path).exists() || workspace_root().join(beside).exists() || bare
}
