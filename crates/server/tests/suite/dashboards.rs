//! Every metric that a rule or a panel names is one that the service has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::house::House;

/// What a histogram's series end in.
const OF_HISTOGRAMS: &[&str] = &["_bucket", "_sum", "_count"];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn texts(folder: &str, ending: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(deploy().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|found| found == ending));
    files.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// Words of a text that may be names of metrics or of recording rules.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')));
    words.filter(|word| word.starts_with("engram_") || word.starts_with("engram:"))
}

#[tokio::test]
async fn rules_dashboards_and_runbooks_name_only_metrics_that_are_there() {
    let house = House::new().await;
    house.remember("tea").await;
    house.post("/v1/search", json!({"query": "tea"})).await.expect(200);
    let metrics = house.get("/metrics").await.text;
    let known: BTreeSet<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let rules = texts("prometheus/rules", "yml");
    let recorded: BTreeSet<_> = rules
        .iter()
        .flat_map(|(_, text)| text.lines().filter_map(|line| line.trim().strip_prefix("- record: ")))
        .collect();
    let groups: BTreeSet<_> = rules
        .iter()
        .flat_map(|(_, text)| text.lines().filter_map(|line| line.trim().strip_prefix("- name: ")))
        .collect();
    let dashboards = texts("grafana", "json");
    assert!(!rules.is_empty() && !dashboards.is_empty());
    let mut unknown = Vec::new();
    for (file, text) in rules.iter().chain(&dashboards).chain(&texts("../docs/runbooks", "md")) {
        for word in words(text).filter(|word| !groups.contains(word)) {
            let bare = OF_HISTOGRAMS.iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
            if !known.contains(word) && !known.contains(bare) && !recorded.contains(word) {
                unknown.push(format!("{file}: {word}"));
            }
        }
    }
    assert!(unknown.is_empty(), "named, but not measured:\n{}", unknown.join("\n"));
}

#[test]
fn dashboards_are_json_with_a_title_and_a_query_in_every_panel() {
    for (file, text) in texts("grafana", "json") {
        let dashboard: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|why| panic!("{file}: {why}"));
        assert!(dashboard["title"].is_string() && dashboard["uid"].is_string(), "{file}");
        for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{file}: {panel}"));
            assert!(
                panel["title"].is_string() && targets.iter().all(|target| target["expr"].is_string()),
                "{panel}"
            );
        }
    }
}
