//! A threshold or a wait that is doubled turns a test red: the tests stand close to the numbers they hold.

use std::fs;

use testkit::workspace_root;

use crate::promtool::{self, Told};
use crate::rules::{self, Alert, RuleFile};

/// What a threshold of zero becomes, which cannot be doubled.
const BEYOND_REACH: &str = "1e18";

/// One number that can be changed: where it stands and what it becomes.
#[derive(Debug, PartialEq)]
struct Place {
    line: usize,
    changed: String,
}

/// Doubles the threshold after a comparison, or halves it where less is worse, at each place of a line.
fn changed_lines(line: &str) -> Vec<String> {
    let mut changed = Vec::new();
    if let Some(wait) = line.trim().strip_prefix("for: ") {
        let (number, unit) = wait.split_at(wait.len() - 1);
        let number: u64 = number.parse().expect("a wait is a number and a unit");
        return vec![line.replace(wait, &format!("{}{unit}", number * 2))];
    }
    for (at, sign) in line.match_indices(['<', '>']) {
        let rest = line[at + 1..].trim_start();
        let skipped = line.len() - rest.len();
        let length = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | ' ' | '*')).unwrap_or(rest.len());
        let threshold = rest[..length].trim_end_matches([' ', '*']);
        if !threshold.starts_with(|c: char| c.is_ascii_digit()) {
            // What follows is an expression: `> 3 * avg_over_time(...)` has its number, `> x` has none.
            continue;
        }
        let new = match (threshold, sign) {
            ("0", ">") => BEYOND_REACH.to_owned(),
            ("0", _) => format!("-{BEYOND_REACH}"),
            (_, ">") => format!("2 * {threshold}"),
            (_, _) => format!("0.5 * {threshold}"),
        };
        changed.push(format!("{}{new}{}", &line[..skipped], &line[skipped + threshold.len()..]));
    }
    changed
}

fn places(file: &RuleFile, alert: &Alert) -> Vec<Place> {
    let each = |line: usize| {
        let text = &file.lines[line];
        let is_text = ["- alert:", "summary:", "runbook:"].iter().any(|key| text.trim().starts_with(key));
        let changed = if is_text { Vec::new() } else { changed_lines(text) };
        changed.into_iter().map(move |changed| Place { line, changed })
    };
    alert.lines.clone().flat_map(each).collect()
}

/// Plays every test that mentions these alerts against rules with those lines.
fn play(file: &RuleFile, lines: &[String], alerts: &[&Alert]) -> Told {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for folder in ["rules", "tests"] {
        fs::create_dir(copy.path().join(folder)).expect("the folder is made");
        for (name, text) in rules::files(folder) {
            fs::write(copy.path().join(folder).join(name), text).expect("the file is written");
        }
    }
    fs::write(copy.path().join("rules").join(&file.name), lines.join("\n") + "\n")
        .expect("the file is written");
    let mentions =
        |text: &str| alerts.iter().any(|alert| text.contains(&format!("alertname: {}\n", alert.name)));
    let tests = rules::files("tests").into_iter().filter(|(_, text)| mentions(text));
    let tests: Vec<_> = tests.map(|(name, _)| format!("tests/{name}")).collect();
    promtool::run(copy.path(), ["test", "rules"].map(str::to_owned).into_iter().chain(tests))
}

/// Changes the first place of every alert of a file at once, then the second, and so on.
fn check(name: &str) {
    let file = rules::rule_files().into_iter().find(|file| file.name == name).expect("the file is there");
    let all: Vec<_> = file.alerts.iter().map(|alert| (alert, places(&file, alert))).collect();
    let rounds = all.iter().map(|(_, places)| places.len()).max().unwrap_or_default();
    assert!(rounds > 0, "{name} has alerts");
    let mut unnoticed = Vec::new();
    for round in 0..rounds {
        let mut lines = file.lines.clone();
        let mut changed = Vec::new();
        for (alert, places) in &all {
            if let Some(place) = places.get(round) {
                lines[place.line].clone_from(&place.changed);
                changed.push((*alert, place));
            }
        }
        let alerts: Vec<_> = changed.iter().map(|(alert, _)| *alert).collect();
        let differing = play(&file, &lines, &alerts).differing();
        for (alert, place) in changed {
            let mut own = alert.labels.clone();
            own.push(("alertname".to_owned(), alert.name.clone()));
            let noticed = differing.iter().any(|labels| own.iter().all(|label| labels.contains(label)));
            if !noticed {
                unnoticed.push(format!("{}: {}", alert.name, place.changed.trim()));
            }
        }
    }
    assert!(unnoticed.is_empty(), "changed in {name}, and no test noticed:\n{}", unnoticed.join("\n"));
}

#[test]
fn thresholds_are_found() {
    for (line, want) in [
        ("a > 0.01", &["a > 2 * 0.01"][..]),
        ("a > 14.4 * 0.001", &["a > 2 * 14.4 * 0.001"]),
        ("and a > 3 * avg_over_time(a[1d])", &["and a > 2 * 3 * avg_over_time(a[1d])"]),
        ("min(a / (b > 0)) < 0.1", &["min(a / (b > 1e18)) < 0.1", "min(a / (b > 0)) < 0.5 * 0.1"]),
        ("for: 10m", &["for: 20m"]),
        ("absent(a)", &[]),
    ] {
        assert_eq!(changed_lines(line), want, "{line}");
    }
}

#[test]
fn the_six() {
    check("mission.yml");
}

#[test]
fn backups() {
    check("backups.yml");
}

#[test]
fn usage() {
    check("usage.yml");
}

#[test]
fn service() {
    check("service.yml");
}

#[test]
fn the_budget_of_availability() {
    check("slo_availability.yml");
}

#[test]
fn the_budget_of_errors() {
    check("slo_error_rate.yml");
}

#[test]
fn the_budget_of_latency() {
    check("slo_latency.yml");
}

#[test]
fn the_budget_of_failed_authentication() {
    check("slo_auth_failure.yml");
}

#[test]
fn every_file_with_alerts_is_changed_by_a_test() {
    let own = fs::read_to_string(workspace_root().join("crates/testkit/tests/alerts/mutations.rs"));
    let own = own.expect("this file can be read");
    for file in rules::rule_files().into_iter().filter(|file| !file.alerts.is_empty()) {
        assert!(own.contains(&format!("check(\"{}\")", file.name)), "{} is left alone", file.name);
    }
}
