//! Alerts and runbooks, one for one, each with the same four parts.

use std::collections::BTreeSet;

use testkit::repository::files_ending_in;

use crate::rules::rule_files;

/// What somebody who was woken needs, in this order.
const PARTS: [&str; 4] = ["## What it means", "## How to see it", "## What to do", "## When it is over"];

#[test]
fn every_alert_has_its_runbook_and_no_runbook_is_left_over() {
    let alerts: Vec<_> = rule_files().into_iter().flat_map(|file| file.alerts).collect();
    for alert in &alerts {
        assert_eq!(alert.runbook, format!("docs/runbooks/{}.md", alert.name));
    }
    let wanted: BTreeSet<_> = alerts.into_iter().map(|alert| alert.runbook).collect();
    let pages: BTreeSet<_> = runbooks().into_iter().map(|page| page.path).collect();
    assert_eq!(wanted, pages);
}

#[test]
fn every_runbook_has_the_same_parts() {
    for page in runbooks() {
        let name = page.path.trim_start_matches("docs/runbooks/").trim_end_matches(".md");
        assert!(page.text.starts_with(&format!("# {name}\n")), "{} is not called {name}", page.path);
        let headings: Vec<_> = page.text.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, PARTS, "{}", page.path);
    }
}

fn runbooks() -> Vec<testkit::repository::File> {
    let pages = files_ending_in(".md").into_iter();
    pages
        .filter(|page| page.path.starts_with("docs/runbooks/") && !page.path.ends_with("README.md"))
        .collect()
}
