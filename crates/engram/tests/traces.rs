//! The traces of a real service: what reaches a collector, what never may, and that no request waits for one.

mod harness;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

use harness::{Folder, PATIENCE, Service, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::collector::{Collector, Span};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// Words that only the content of memories and queries holds.
const SECRETS: &[&str] = &["xylophone", "quagmire", "zeppelin", "collector-key"];

fn traced(folder: &Folder, collector: &Collector, more: &[&str]) -> Service {
    let endpoint = format!("telemetry.otlp_endpoint={}", collector.endpoint());
    let mut settings = vec!["--set", &endpoint, "--set", "telemetry.otlp_headers=x-key=collector-key"];
    settings.extend(more);
    Service::start_with(&folder.path(), &settings)
}

/// Posts with a `traceparent`; the request's id.
async fn post(service: &Service, path: &str, trace: &str, flags: &str, body: Value) -> String {
    let request = reqwest::Client::new().post(format!("{}{path}", service.url));
    let request = request.header("traceparent", format!("00-{trace}-{CALLER}-{flags}"));
    let answer = request.bearer_auth(&service.api_key).json(&body).send().await.unwrap();
    answer.headers()["x-request-id"].to_str().unwrap().to_owned()
}

/// The span of a request, and the names of all spans below it.
fn request_and_stages<'a>(spans: &'a [Span], id: &str) -> (&'a Span, BTreeSet<&'a str>) {
    let of = |span: &&Span| span.attributes.get("engram.request_id").is_some_and(|told| told == id);
    let request = spans.iter().find(of).unwrap_or_else(|| panic!("no span of {id} in {spans:?}"));
    let mut above = vec![request];
    let mut stages = BTreeSet::new();
    while let Some(parent) = above.pop() {
        for child in spans.iter().filter(|span| span.parent_id == parent.id) {
            assert_eq!(child.trace_id, request.trace_id, "{child:?}");
            assert!(
                child.started_ns >= request.started_ns && child.ended_ns >= child.started_ns,
                "{child:?}"
            );
            stages.insert(child.name.as_str());
            above.push(child);
        }
    }
    (request, stages)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_trace_of_its_stages_below_the_callers_span() {
    let (folder, collector) = (Folder::new(), Collector::start());
    let service = traced(&folder, &collector, &[]);
    let memory = json!({"content": SECRETS[0], "metadata": {"a": SECRETS[1]}});
    let stored = post(&service, "/v1/memories", TRACE, "01", memory).await;
    let found = post(&service, "/v1/search", TRACE, "01", json!({"query": SECRETS[2]})).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "memory_create", "arguments": {"content": SECRETS[0]}}});
    let called = post(&service, "/v1/mcp", TRACE, "01", call).await;
    let wrong = post(&service, "/v1/memories", TRACE, "01", json!({"content": 5, SECRETS[1]: 1})).await;
    let (api_key, rest) = (service.api_key.clone(), service.signal(Signal::TERM));
    assert!(rest.1.success(), "{rest:?}");

    let spans = collector.spans();
    let (request, stages) = request_and_stages(&spans, &stored);
    assert_eq!((request.trace_id.as_str(), request.parent_id.as_str()), (TRACE, CALLER));
    assert_eq!((request.name.as_str(), request.kind, request.failed), ("POST /v1/memories", 2, false));
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/memories"),
        ("http.response.status_code", "201"),
        ("engram.tenant_slug", "default"),
    ] {
        assert_eq!(request.attributes[name], value, "{request:?}");
    }
    assert!(!request.attributes["engram.tenant_id"].is_empty());
    assert_eq!(request.resource["service.name"], "engram");
    let wanted = ["admit", "commit", "control_plane", "embed", "open_store", "settle", "write"];
    assert_eq!(stages, BTreeSet::from_iter(wanted), "of a write");

    let (_, stages) = request_and_stages(&spans, &found);
    let wanted = ["admit", "embed", "fill", "gather", "rank", "read", "search", "settle", "wait_for_core"];
    assert_eq!(stages, BTreeSet::from_iter(wanted), "of a search");

    let (_, stages) = request_and_stages(&spans, &called);
    assert!(stages.contains("commit") && stages.contains("settle"), "of MCP: {stages:?}");

    let (request, _) = request_and_stages(&spans, &wrong);
    assert_eq!(request.attributes["error.type"], "invalid_request");
    assert_eq!((request.attributes["http.response.status_code"].as_str(), request.failed), ("400", false));

    assert!(collector.posts().iter().all(|headers| headers["x-key"] == "collector-key"));
    let told = format!("{spans:?}");
    for secret in SECRETS.iter().copied().chain([api_key.as_str(), "Bearer"]) {
        assert!(!told.contains(secret), "{secret} is in a trace");
    }
    assert!(spans.iter().all(|span| span.events == 0), "log lines stay in the log");
    let requests = spans.iter().filter(|span| span.attributes.contains_key("engram.request_id"));
    let first = spans.iter().filter(|span| span.parent_id.is_empty());
    assert_eq!((requests.count(), first.count()), (4, 0), "nothing but requests is traced: {spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_that_a_trace_is_not_kept_is_believed_and_nonsense_is_not() {
    let (folder, collector) = (Folder::new(), Collector::start());
    let service = traced(&folder, &collector, &["--set", "telemetry.sample_ratio=0.0"]);
    let other = TRACE.replace('4', "5");
    let search = || json!({"query": "x"});
    post(&service, "/v1/search", &other, "00", search()).await;
    post(&service, "/v1/search", "no trace at all", "01", search()).await;
    let kept = post(&service, "/v1/search", TRACE, "01", search()).await;
    let twice =
        reqwest::Client::new().post(format!("{}/v1/search", service.url)).bearer_auth(&service.api_key);
    let header = format!("00-{TRACE}-{CALLER}-01");
    let twice = twice.header("traceparent", &header).header("traceparent", &header).json(&search());
    assert_eq!(twice.send().await.unwrap().status(), 200);
    assert!(service.signal(Signal::TERM).1.success());
    let spans = collector.spans();
    request_and_stages(&spans, &kept);
    let requests = spans.iter().filter(|span| span.attributes.contains_key("engram.request_id")).count();
    assert_eq!(requests, 1, "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_is_asked_again_if_it_says_so_and_what_is_lost_is_counted() {
    let (folder, collector) = (Folder::new(), Collector::start());
    let service = traced(&folder, &collector, &[]);
    collector.refuse_with(Some(503));
    let held_up = post(&service, "/v1/search", TRACE, "01", json!({"query": "x"})).await;
    eventually("it was refused once", || !collector.posts().is_empty());
    collector.refuse_with(None);
    let request = |id: &str| {
        let of_id = |span: &Span| span.attributes.get("engram.request_id").is_some_and(|told| told == id);
        collector.spans().iter().any(of_id)
    };
    eventually("it came all the same", || request(&held_up));
    let taken = collector.spans().len();
    eventually("what came is counted", || metric(&service, "engram_trace_spans_sent_total") == taken as u64);
    collector.refuse_with(Some(400));
    let refused = post(&service, "/v1/search", TRACE, "01", json!({"query": "x"})).await;
    let lost = "engram_trace_spans_lost_total{reason=\"collector\"}";
    eventually("what was lost is counted", || metric(&service, lost) > 0);
    assert!(!request(&refused), "a batch that is wrong is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_dead_collector() {
    // Takes connections and never answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let folder = Folder::new();
    let endpoint = format!("telemetry.otlp_endpoint=http://{}", silent.local_addr().unwrap());
    let patient = ["--set", &endpoint, "--set", "telemetry.otlp_timeout_ms=600000"];
    let service = Service::start_with(&folder.path(), &patient);
    // More spans than may wait.
    let lost = "engram_trace_spans_lost_total{reason=\"queue_full\"}";
    let client = reqwest::Client::new();
    while metric(&service, lost) == 0 {
        let requests = (0..100).map(|_| {
            let search = client.post(format!("{}/v1/search", service.url)).bearer_auth(&service.api_key);
            search.json(&json!({"query": "x"})).send()
        });
        for answer in futures::future::join_all(requests).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
    }
    let started = std::time::Instant::now();
    assert!(service.signal(Signal::TERM).1.success());
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

fn metric(service: &Service, name: &str) -> u64 {
    let url = format!("{}/metrics", service.url);
    let text = tokio::task::block_in_place(|| {
        let asking = async { reqwest::get(url).await.unwrap().text().await.unwrap() };
        tokio::runtime::Handle::current().block_on(asking)
    });
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
}
