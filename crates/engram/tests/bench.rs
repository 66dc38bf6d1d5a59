//! `engram bench`: the shapes that machines read, on small inputs.

mod harness;

use harness::{engram, stderr};
use serde_json::{Value, json};

fn measured(args: &[&str]) -> Value {
    let output = engram(args).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

#[test]
fn retrieval_measures_a_corpus_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let document = |id: u64, text: &str, group: &str| json!({"id": format!("d{id}"), "text": text, "group": group, "session": "s", "actor": "Ann", "time": "2024-05-01T10:00:00Z"});
    let documents = [
        document(1, "Ann bought a red bicycle in spring.", "a"),
        document(2, "The kettle is in the left cupboard.", "a"),
        document(3, "Bo flies to Lisbon on Monday.", "b"),
    ];
    let queries = [
        json!({"id": "q1", "text": "which bicycle did Ann buy?", "group": "a", "relevant": ["d1"], "category": "easy"}),
        json!({"id": "q2", "text": "when does Bo fly to Lisbon?", "group": "b", "relevant": ["d3"], "category": 7}),
    ];
    std::fs::write(folder.path().join("documents.jsonl"), lines(&documents)).unwrap();
    std::fs::write(folder.path().join("queries.jsonl"), lines(&queries)).unwrap();
    let args = ["bench", "retrieval", "--jsonl", folder.path().to_str().unwrap()];
    let mut report = measured(&args);
    let names = [
        "recall@1",
        "recall@5",
        "recall@10",
        "recall@20",
        "all@5",
        "all@10",
        "any@5",
        "any@10",
        "mrr",
        "ndcg@10",
    ];
    for overall in [
        &report["overall"],
        &report["bm25"]["overall"],
        &report["by_category"]["easy"],
        &report["by_category"]["7"],
    ] {
        let mut keys: Vec<_> = overall.as_object().unwrap().keys().map(String::as_str).collect();
        let mut want = names.to_vec();
        keys.sort_unstable();
        want.sort_unstable();
        assert_eq!(keys, want);
        assert!(names.iter().all(|name| overall[name] == 100.0), "{overall}");
    }
    let mut again = measured(&args);
    report["latency_ms"].take();
    again["latency_ms"].take();
    assert_eq!(report, again, "the same corpus gives the same numbers");

    assert_eq!(report["bootstrap"]["search"]["recall@10"], json!({"low": 100.0, "high": 100.0}));
    assert_eq!(report["splits"], json!([]));
    assert_eq!(report["questions"][1]["id"], "b/q2");
    let no_answer = &report["no_answer"];
    assert_eq!(
        (&no_answer["questions_of_other_groups"], &no_answer["outscores"]),
        (&json!(2), &json!(100.0)),
        "{no_answer}"
    );

    let unknown = engram(args).args(["--conversations", "c"]).output().unwrap();
    assert!(stderr(&unknown).contains("choose among a, b"), "{}", stderr(&unknown));
}

#[test]
fn a_run_is_compared_with_an_earlier_one_and_fails_when_it_is_worse() {
    let folder = tempfile::tempdir().unwrap();
    let named: Vec<_> = (0..40).map(|number| format!("person{number}")).collect();
    let documents: Vec<_> =
        named.iter().map(|name| json!({"id": name, "text": format!("{name} likes the sea")})).collect();
    let queries: Vec<_> = named
        .iter()
        .map(|name| json!({"id": name, "text": format!("what does {name} like?"), "relevant": [name]}))
        .collect();
    std::fs::write(folder.path().join("documents.jsonl"), lines(&documents)).unwrap();
    std::fs::write(folder.path().join("queries.jsonl"), lines(&queries)).unwrap();
    let earlier = folder.path().join("earlier.json");
    let (corpus, file) = (folder.path().to_str().unwrap(), earlier.to_str().unwrap());
    let args = ["bench", "retrieval", "--jsonl", corpus, "--typos", "1"];
    let report = measured(&args);
    assert!(report["typos"]["search"]["relative"].as_f64().unwrap() <= 1.0, "{}", report["typos"]);
    assert_eq!((&report["typos"]["edits"], &report["no_answer"]), (&json!(1), &Value::Null));

    // The earlier run found half as much, then more than can be found now.
    for (found, verdict, code) in [(0.5, "gain", 0), (1.0, "no_change", 0), (1.5, "loss", 1)] {
        let mut before = report.clone();
        for question in before["questions"].as_array_mut().unwrap() {
            question["recall@10"] = json!(question["recall@10"].as_f64().unwrap() * found);
        }
        std::fs::write(&earlier, before.to_string()).unwrap();
        let output = engram(args).args(["--compare", file, "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let now: Value = serde_json::from_slice(&output.stdout).unwrap();
        let decisive = &now["compare"]["measures"][2];
        assert_eq!((&decisive["measure"], &decisive["verdict"]), (&json!("recall@10"), &json!(verdict)));
    }
    std::fs::write(&earlier, "{}").unwrap();
    let told = stderr(&engram(args).args(["--compare", file]).output().unwrap());
    assert!(told.contains("is no report of"), "{told}");
}

#[test]
fn chinese_and_japanese_are_found_without_a_model_of_theirs() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/cjk");
    let report = measured(&["bench", "retrieval", "--jsonl", corpus]);
    assert_eq!(report["corpus"]["questions"], 120);
    for language in ["zh", "ja"] {
        let found = report["by_category"][language]["recall@10"].as_f64().unwrap();
        assert!(found >= 90.0, "{language}: {found}");
    }
}

#[test]
fn a_transformer_embeds_or_judges_from_its_folder() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/cjk");
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../embedding/tests/data/tiny-bert");
    let scored = |mut report: Value| [report["overall"].take(), report["no_answer"].take()];
    let plain = measured(&["bench", "retrieval", "--jsonl", corpus]);
    for option in ["--model", "--rerank"] {
        let report = measured(&["bench", "retrieval", "--jsonl", corpus, option, tiny]);
        assert_eq!(report["bm25"]["overall"], plain["bm25"]["overall"], "{option}");
        // A model that was never taught anything moves scores at least.
        assert_ne!(scored(report), scored(plain.clone()), "{option}");
        let told =
            stderr(&engram(["bench", "retrieval", "--jsonl", corpus, option, "/nowhere"]).output().unwrap());
        assert!(told.contains("cannot use the model in /nowhere"), "{told}");
    }
}

#[test]
fn load_measures_every_scenario() {
    let report = measured(&[
        "bench",
        "load",
        "--seconds",
        "1",
        "--warm-up",
        "0",
        "--sizes",
        "250",
        "--connections",
        "2",
    ]);
    let rows = report["scenarios"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let want = [
        "create",
        "batch of 100",
        "get",
        "search",
        "search, filtered",
        "search, with health",
        "health, under search",
        "mixed: search",
        "mixed: get",
        "mixed: create",
    ];
    assert_eq!(names, want);
    for row in rows {
        assert_eq!(row["errors"], 0, "{row}");
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!(number("requests") > 0.0 && number("per_second") > 0.0, "{row}");
        assert!(number("p50_ms") <= number("p95_ms") && number("p99_ms") <= number("max_ms"), "{row}");
    }
    assert!(report["disk"]["groups_of_16_per_s"].as_f64().unwrap() > 0.0);
    assert!(report["start"]["again_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn search_measures_every_way_at_every_size() {
    let report = measured(&["bench", "search", "--sizes", "120,60", "--searches", "20"]);
    let rows = report["rows"].as_array().unwrap();
    let ways: Vec<_> = rows.iter().map(|row| (&row["memories"], &row["ranking"], &row["filter"])).collect();
    let want =
        [("search", "none"), ("search", "1 % by user"), ("search", "1 % by metadata"), ("BM25", "none")];
    for (at, (memories, ranking, filter)) in ways.into_iter().enumerate() {
        let size = if at < want.len() { 60 } else { 120 };
        assert_eq!(*memories, size, "ascending");
        assert_eq!((ranking.as_str(), filter.as_str()), (Some(want[at % 4].0), Some(want[at % 4].1)));
        let number = |name: &str| rows[at][name].as_f64().unwrap();
        assert!(0.0 < number("p50_ms") && number("p50_ms") <= number("p95_ms"), "{report}");
    }
    assert_eq!(rows.len(), 2 * want.len());
}

#[test]
fn usage_survives_kills_and_is_measured() {
    let report = measured(&["bench", "usage", "--events", "2000", "--kills", "6", "--speed-events", "2000"]);
    let proof = &report["durability"];
    for nothing in ["lost", "double", "differing", "drift"] {
        assert_eq!(proof[nothing], 0, "{nothing}: {proof}");
    }
    assert!(proof["answered"].as_u64().unwrap() >= 2_000, "{proof}");
    assert!(proof["unanswered"].as_u64().unwrap() <= proof["unanswered_max"].as_u64().unwrap(), "{proof}");
    assert_eq!(proof["in_ledger"], proof["rolled_up"]);
    for rate in ["appends_per_s", "flushed_per_s", "record_p50_us"] {
        assert!(report["speed"][rate].as_f64().unwrap() > 0.0, "{report}");
    }
}

#[test]
fn usage_survives_a_postgres_that_dies() {
    let args = ["--events", "1500", "--kills", "6", "--outages", "2", "--speed-events", "1000"];
    let report = measured(&[&["bench", "usage", "--ledger", "postgres"], &args[..]].concat());
    let proof = &report["durability"];
    assert_eq!((&report["ledger"], &proof["ledger_outages"]), (&json!("postgres"), &json!(2)));
    for nothing in ["lost", "double", "differing", "drift"] {
        assert_eq!(proof[nothing], 0, "{nothing}: {proof}");
    }
}

#[test]
fn the_way_in_is_measured_and_holds() {
    let small = ["--rounds", "1", "--calls", "64", "--strangers", "50", "--callers", "40"];
    let few = ["--tenants", "12", "--active", "6", "--stores-open", "3"];
    let report = measured(&[&["bench", "gateway"], &small[..], &few[..]].concat());
    let admission = report["admission"].as_object().unwrap();
    for (name, time) in admission {
        assert!(time.as_f64().unwrap() > 0.0, "{name}: {time}");
    }
    let strangers = &report["strangers"];
    assert_eq!((&strangers["refused"], &strangers["fetches"]), (&json!(50), &json!(1)));
    let quota = &report["quota"];
    assert_eq!((&quota["calls_admitted"], &quota["memories_stored"]), (&json!(20), &json!(20)), "{quota}");
    assert_eq!(quota["overshoot"], 0);
    let tenants = &report["tenants"];
    assert_eq!((&tenants["tenants"], &tenants["active"]), (&json!(12), &json!(6)));
    assert_eq!(tenants["stores_open_max"], 3);
    assert!(tenants["among_to_alone"].as_f64().unwrap() > 0.0, "{tenants}");
}

#[test]
fn an_operators_tools_are_measured() {
    let few = ["--tenants", "6", "--active", "3", "--memories", "200", "--scrapes", "3", "--looks", "2"];
    let short = ["--rounds", "1", "--seconds", "0.2"];
    let report = measured(&[&["bench", "operate"], &few[..], &short[..]].concat());
    for tenants in ["alone", "among"] {
        let scrape = &report["scrape"][tenants];
        assert!(
            scrape["p50_ms"].as_f64().unwrap() > 0.0 && scrape["bytes"].as_u64().unwrap() > 1_000,
            "{scrape}"
        );
    }
    let pages = report["pages"].as_array().unwrap();
    assert!(pages.len() >= server::console::PAGES.len(), "every page of the list: {pages:?}");
    for page in pages {
        assert_eq!(page["status"], 200, "{page}");
        assert!(page["server_p50_ms"].as_f64().unwrap() > 0.0, "{page}");
        assert!(page["first_view_bytes"].as_u64() >= page["bytes"].as_u64(), "{page}");
    }
    let traces = &report["traces"];
    let row = |at: usize| &traces["rows"][at];
    let ways = ["off", "to a collector", "to a dead collector", "to a silent collector"];
    for (at, way) in ways.into_iter().enumerate() {
        for (request, row) in [("get", row(2 * at)), ("search", row(2 * at + 1))] {
            assert_eq!(
                (&row["traces"], &row["request"], &row["errors"]),
                (&json!(way), &json!(request), &json!(0))
            );
            assert!(row["p50_ms"].as_f64().unwrap() > 0.0, "{row}");
        }
    }
    assert_eq!((&traces["spans"][0]["sent"], &traces["spans"][0]["lost"]), (&json!(0), &json!(0)));
    assert!(
        traces["spans"][1]["sent"].as_u64().unwrap() > 0 && traces["collected_bytes"].as_u64().unwrap() > 0
    );
}
