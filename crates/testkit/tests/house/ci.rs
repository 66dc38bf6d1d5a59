//! Continuous integration runs what a person runs: `scripts/test`, whole, and nothing else.

use testkit::repository::files_ending_in;
use testkit::tracked_files;

/// Lines that do no work of their own: they stop at the first failure and stand in the root.
const PREPARATION: &[&str] = &["set -euo pipefail", r#"cd "$(dirname "$0")/..""#];

/// The lines of a shell script that do something.
fn deeds(script: &str) -> Vec<&str> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter(|line| !PREPARATION.contains(line)).collect()
}

#[test]
fn continuous_integration_calls_the_test_script_and_nothing_else() {
    let scripts = files_ending_in(".ci/run");
    let [script] = scripts.as_slice() else { panic!("there is one .ci/run, not {}", scripts.len()) };
    assert_eq!(deeds(&script.text), ["exec ./scripts/test"]);
}

#[test]
fn continuous_integration_has_one_entry() {
    let entries = tracked_files().into_iter().map(|file| file.path).filter(|path| path.starts_with(".ci/"));
    assert_eq!(entries.collect::<Vec<_>>(), [".ci/run"]);
}
