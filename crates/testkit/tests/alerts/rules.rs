//! The rule files as they are written, and that they hold.

use std::path::PathBuf;

use testkit::workspace_root;

use crate::promtool;

/// An alert that must be there whatever else is: MISSION's six.
const SIX: &[&str] = &[
    "5xx_rate",
    "p95_latency",
    "auth_failures_spike",
    "usage_flush_failures",
    "db_open_failures",
    "rate_limited_anomaly",
];

/// One alert rule, as its lines stand in a file.
#[derive(Debug, Clone)]
pub(crate) struct Alert {
    pub(crate) name: String,
    /// Labels it has from its rule, whatever the series have.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) runbook: String,
    /// Its lines, from `- alert:` to the next rule.
    pub(crate) lines: std::ops::Range<usize>,
}

/// A file of rules.
#[derive(Debug)]
pub(crate) struct RuleFile {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
    pub(crate) alerts: Vec<Alert>,
}

pub(crate) fn folder() -> PathBuf {
    workspace_root().join("deploy/prometheus")
}

/// The `.yml` files of a folder below `deploy/prometheus`: name and text.
pub(crate) fn files(of: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder().join(of)).expect("the folder is there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yml"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("the file can be read"))
        })
        .collect();
    files.sort();
    files
}

pub(crate) fn rule_files() -> Vec<RuleFile> {
    files("rules").into_iter().map(|(name, text)| parse(name, &text)).collect()
}

fn parse(name: String, text: &str) -> RuleFile {
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let starts: Vec<_> = (0..lines.len()).filter(|at| lines[*at].trim().starts_with("- alert: ")).collect();
    let alerts = starts.iter().enumerate().map(|(at, start)| {
        let end = starts.get(at + 1).copied().unwrap_or(lines.len());
        let own = &lines[*start..end];
        let value = |key: &str| {
            let found = own.iter().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_default();
            found.trim().to_owned()
        };
        let labels = own.iter().skip_while(|line| line.trim() != "labels:").skip(1);
        let labels = labels.take_while(|line| line.trim() != "annotations:");
        let pair = |line: &String| {
            let (name, value) = line.trim().split_once(": ").expect("a label has a value");
            (name.to_owned(), value.to_owned())
        };
        Alert {
            name: value("- alert:"),
            labels: labels.map(pair).collect(),
            runbook: value("runbook:"),
            lines: *start..end,
        }
    });
    let alerts = alerts.collect();
    RuleFile { name, lines, alerts }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    let rules: Vec<_> = files("rules").into_iter().map(|(name, _)| format!("rules/{name}")).collect();
    let told = promtool::run(&folder(), ["check", "rules"].map(str::to_owned).into_iter().chain(rules));
    assert!(told.fine, "{}", told.text);
}

#[test]
fn every_alert_fires_when_it_should_and_is_silent_when_it_should() {
    let tests: Vec<_> = files("tests").into_iter().map(|(name, _)| format!("tests/{name}")).collect();
    let told = promtool::run(&folder(), ["test", "rules"].map(str::to_owned).into_iter().chain(tests));
    assert!(told.fine, "{}", told.text);
}

#[test]
fn the_six_are_there_and_every_alert_says_how_urgent_it_is() {
    let alerts: Vec<_> = rule_files().into_iter().flat_map(|file| file.alerts).collect();
    for name in SIX {
        assert!(alerts.iter().any(|alert| alert.name == *name), "{name} is missing");
    }
    for alert in &alerts {
        let severity =
            alert.labels.iter().find(|(name, _)| name == "severity").map(|(_, value)| value.as_str());
        assert!(matches!(severity, Some("page" | "ticket")), "{alert:?}");
    }
}

#[test]
fn every_alert_has_a_test_that_shows_it_firing_and_one_that_shows_it_silent() {
    let tests: String = files("tests").into_iter().map(|(_, text)| text).collect();
    let checks: Vec<_> = tests.split("- eval_time: ").skip(1).collect();
    for alert in rule_files().into_iter().flat_map(|file| file.alerts) {
        let named = format!("alertname: {}\n", alert.name);
        let of_it: Vec<_> = checks.iter().filter(|check| check.contains(&named)).collect();
        let fires = |check: &&&str| {
            let expected = check.split("- exp_labels: ").skip(1);
            expected.into_iter().any(|labels| {
                let labels = labels.lines().next().unwrap_or_default().replace('\'', "");
                alert.labels.iter().all(|(name, value)| labels.contains(&format!("{name}: {value}")))
            })
        };
        assert!(of_it.iter().any(fires), "{} is never shown firing with {:?}", alert.name, alert.labels);
        let silent =
            |check: &&&str| !check.split("  - name: ").next().unwrap_or_default().contains("exp_alerts");
        assert!(of_it.iter().any(silent), "{} is never shown silent", alert.name);
    }
}
