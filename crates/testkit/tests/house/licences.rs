//! Everything built in is what deny.toml allows: its licence, and the package itself.

use testkit::packages;
use testkit::workspace_root;

/// The lines of the list `key` in the section `[section]` of deny.toml, without comments.
fn list(section: &str, key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(workspace_root().join("deny.toml")).expect("deny.toml is there");
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let lines = lines.skip_while(|line| *line != format!("[{section}]")).skip(1);
    let mut lines = lines.take_while(|line| !(line.starts_with('[') && line.ends_with(']')));
    assert!(lines.any(|line| line == format!("{key} = [")), "deny.toml has no list {section}.{key}");
    let list: Vec<_> = lines.take_while(|line| *line != "]").map(str::to_owned).collect();
    list.into_iter().filter(|line| !line.is_empty()).collect()
}

/// The first text between quotes after `before`.
fn quoted(line: &str, before: &str) -> String {
    let after = line.split_once(before).and_then(|(_, after)| after.split_once('"'));
    let text = after.and_then(|(_, text)| text.split_once('"')).map(|(text, _)| text);
    text.unwrap_or_else(|| panic!("deny.toml: nothing quoted in {line:?}")).to_owned()
}

/// The licences that deny.toml allows.
fn allowed() -> Vec<String> {
    list("licenses", "allow").iter().map(|line| quoted(line, "")).collect()
}

/// Whether an SPDX expression can be met with `allowed`. `OR` binds less than `AND`; the old form `A/B` is an `OR`.
fn may_be_used(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let met = alternatives(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn alternatives(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let met = alternatives(words, allowed);
        return met & words.next_if_eq(&")").is_some();
    }
    let mut licence = word.to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", words.next().unwrap_or_default());
    }
    allowed.contains(&licence)
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, want) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only/MIT", true),
        ("GPL-3.0-only / MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("ISC AND (GPL-3.0-only OR MIT)", true),
        ("(MIT OR ISC) AND GPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("MIT ISC", false),
        ("", false),
    ] {
        assert_eq!(may_be_used(expression, &allowed), want, "{expression}");
    }
}

#[test]
fn every_package_has_a_licence_we_allow() {
    let allowed = allowed();
    let refused: Vec<_> = packages::all()
        .into_iter()
        .filter(|package| !may_be_used(&package.license, &allowed))
        .map(|package| format!("{}: {:?}", package.name, package.license))
        .collect();
    assert!(refused.is_empty(), "not allowed by deny.toml: {}", refused.join(", "));
}

#[test]
fn our_own_packages_are_mit() {
    for package in packages::ours() {
        assert_eq!(package.license, "MIT", "{}", package.name);
    }
}

#[test]
fn nothing_banned_is_built_in() {
    let names: Vec<_> = packages::all().into_iter().map(|package| package.name).collect();
    let banned = list("bans", "deny");
    assert!(!banned.is_empty(), "deny.toml bans nothing");
    for ban in banned {
        let name = quoted(&ban, "crate =");
        assert!(!names.contains(&name), "{name} came in: {}", quoted(&ban, "reason ="));
    }
}
