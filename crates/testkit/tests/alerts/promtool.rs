//! `promtool`, which checks rules and plays series against them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What a run says, and whether all was well.
pub(crate) struct Told {
    pub(crate) fine: bool,
    pub(crate) text: String,
}

/// An alert that was expected and did not fire, or the other way round: its name and labels.
pub(crate) type Labels = BTreeSet<(String, String)>;

/// Runs it; `scripts/install-test-needs` has installed it.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Told {
    let output = Command::new("promtool").args(args).current_dir(folder).output();
    let output = output.expect("promtool is there; scripts/install-test-needs installs it");
    let text = [output.stdout, output.stderr].concat();
    Told { fine: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
}

impl Told {
    /// The alerts on which the tests and the rules do not agree.
    pub(crate) fn differing(&self) -> BTreeSet<Labels> {
        let mut differing = BTreeSet::new();
        for failure in self.text.split("exp:").skip(1) {
            let (expected, got) = failure.split_once("got:").unwrap_or((failure, ""));
            let (expected, got) = (alerts(expected), alerts(got));
            differing.extend(expected.symmetric_difference(&got).cloned());
        }
        differing
    }
}

/// Alerts as promtool prints them: `Labels:{alertname="x", severity="page"}`.
fn alerts(text: &str) -> BTreeSet<Labels> {
    let each = text.split("Labels:{").skip(1).filter_map(|rest| rest.split_once('}'));
    each.map(|(labels, _)| {
        let pairs = labels.split(", ").filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
    })
    .collect()
}
