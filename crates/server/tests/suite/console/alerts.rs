//! Alerts in the console: what the checks found, the badge in the menu, the pages of the playbook, and repairs by a click.

use super::{Browser, House, operator};
use http::{Method, Request};
use serde_json::{Value, json};
use server::jobs::JOBS;
use server::watch::{CHECKS, RUNBOOKS};

const ALERTS: &str = "/console/service/alerts";

async fn run_checks(house: &House) {
    let job = JOBS.iter().find(|job| job.name == "run_checks").unwrap();
    job.run_now(&house.app).await.unwrap();
}

/// Asks for something of a tenant whose store may not open.
async fn ask(house: &House, slug: &str) -> u16 {
    let request =
        Request::get("/v1/stats").extension(gateway::Peer::LocalSocket).header("x-engram-tenant", slug);
    house.send(request.body(axum::body::Body::empty()).unwrap()).await.status
}

#[tokio::test]
async fn a_check_that_fails_is_told_on_every_page_and_repaired_by_a_click() {
    let house = House::new().await;
    let made = house.ask_locally(Method::POST, "/tenants", json!({"slug": "broken"})).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let groups = std::fs::read_dir(house.folder.path().join("tenants")).unwrap();
    let folder = groups.map(|group| group.unwrap().path().join(id)).find(|folder| folder.is_dir()).unwrap();
    let away = folder.with_extension("away");
    std::fs::rename(&folder, &away).unwrap();
    assert_eq!(ask(&house, "broken").await, 503);

    let mut browser = operator(&house).await;
    assert!(!browser.get("/console/service").await.text.contains("failing</span>"), "nobody looked yet");
    run_checks(&house).await;
    for path in [ALERTS, "/console/service", "/console/service/tenants"] {
        assert!(browser.get(path).await.page(200).text.contains("failing</span>"), "{path}");
    }
    let page = browser.get(ALERTS).await.text;
    let firing = page.split("Error budgets").next().unwrap();
    assert!(firing.contains("open failures") && firing.contains("runbooks/db_open_failures"), "{firing}");

    std::fs::rename(&away, &folder).unwrap();
    let answer = browser.post(ALERTS, &[("do", "repair")]).await;
    assert_eq!(answer.header("location"), "/console/service/alerts?done=repair");
    let page = browser.get(answer.header("location")).await.text;
    let firing = page.split("Error budgets").next().unwrap();
    assert!(!firing.contains("open failures"), "{firing}");
    assert_eq!(ask(&house, "broken").await, 200);
    let log = house.ask_locally(Method::GET, "/audit-log", Value::Null).await.expect(200).to_string();
    assert!(log.contains("\"repair\""), "{log}");
}

#[tokio::test]
async fn every_check_and_budget_is_there_before_the_first_round_too() {
    let house = House::new().await;
    let mut browser = operator(&house).await;
    let page = browser.get(ALERTS).await;
    for check in CHECKS {
        assert!(page.page(200).text.contains(&format!("<strong>{}</strong>", check.name.replace('_', " "))));
    }
    for budget in ["availability_burn", "error_rate_burn", "latency_burn", "auth_failure_burn"] {
        assert!(page.text.contains(budget), "{budget}");
    }
    // Tokens that do not hold burn their budget in every window at once.
    for _ in 0..20 {
        assert_eq!(house.ask_as("eng_live_x", Method::GET, "/v1/stats", Value::Null).await.status, 401);
    }
    let page = browser.get(ALERTS).await;
    assert!(page.text.contains("50.0×") && page.text.contains(">burns</span>"), "{}", page.text);
    browser.post(ALERTS, &[("do", "look")]).await.page(303);
}

#[tokio::test]
async fn the_playbook_is_for_who_runs_the_service() {
    let house = House::new().await;
    let mut browser = operator(&house).await;
    for page in RUNBOOKS {
        let answer = browser.get(&format!("/console/service/runbooks/{}", page.name)).await;
        assert!(answer.page(200).text.contains(&format!("<h1>{}</h1>", page.name)), "{}", page.name);
        assert!(answer.text.len() < 100_000, "{}", page.name);
        assert!(
            !answer.text.contains("```") && !answer.text.contains(".md)"),
            "{}: {}",
            page.name,
            answer.text
        );
    }
    assert_eq!(browser.get("/console/service/runbooks/..%2fREADME").await.status, 404);
    browser.get(ALERTS).await.page(200);
    assert_eq!(browser.post_from(ALERTS, &[("do", "repair")], "0123456789abcdef", &[]).await.status, 403);
    let mut tenant = Browser::signed_in(&house, &house.key).await;
    tenant.get("/console").await.page(200);
    for path in [ALERTS, "/console/service/runbooks/disk_space"] {
        assert_eq!(tenant.get(path).await.status, 403, "{path}");
    }
    assert_eq!(tenant.post(ALERTS, &[("do", "repair")]).await.status, 403);
    house.clock.advance_ms(48 * 3_600_000);
    let answer = browser.post(ALERTS, &[("do", "repair")]).await;
    assert!(answer.header("location").starts_with(super::SIGN_IN), "the session is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_alertmanager_says_is_shown_and_so_is_its_silence() {
    let mut alertmanager = testkit::alertmanager::Alertmanager::start();
    let url = alertmanager.url();
    let house = House::with(|config| config.console.alertmanager_url = Some(url.clone())).await;
    let mut browser = operator(&house).await;
    let client = reqwest::Client::new();
    let told = json!([
        {"labels": {"alertname": "disk_space", "severity": "page", "instance": "<b>one</b>"},
         "annotations": {"summary": "the volume is nearly full"}, "startsAt": "2026-11-25T08:00:00Z"},
        {"labels": {"alertname": "not_of_ours"}, "annotations": {"description": "something else"}},
    ]);
    let page = browser.get(ALERTS).await.page(200).text.clone();
    assert!(page.contains("Nothing fires there"), "{page}");
    client.post(format!("{url}/api/v2/alerts")).json(&told).send().await.unwrap().error_for_status().unwrap();
    // It takes a moment until what was told is listed.
    let begun = std::time::Instant::now();
    let page = loop {
        let page = browser.get(ALERTS).await.page(200).text.clone();
        if page.contains("not_of_ours") || begun.elapsed().as_secs() > 30 {
            break page;
        }
    };
    let (_, part) = page.split_once("<h2>Alertmanager</h2>").unwrap();
    let part = part.split("<h2>Error budgets</h2>").next().unwrap();
    for shown in
        ["disk_space", "the volume is nearly full", "instance &lt;b&gt;one", "something else", ">page<"]
    {
        assert!(part.contains(shown), "{shown}: {part}");
    }
    assert!(part.contains("Runbook: disk_space") && !part.contains("Runbook: not_of_ours"), "{part}");

    alertmanager.stop();
    let page = browser.get(ALERTS).await.page(200).text.clone();
    assert!(page.contains("What fires there is not known"), "{page}");
    assert!(page.contains("Error budgets"), "the rest of the page is there: {page}");
}

#[tokio::test]
async fn an_alertmanager_that_answers_nonsense_or_not_at_all_is_told_as_that() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let nonsense = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let talks = format!("http://{}", nonsense.local_addr().unwrap());
    let routes = axum::Router::new()
        .route("/nonsense/api/v2/alerts", axum::routing::get(async || "<html>"))
        .route("/vast/api/v2/alerts", axum::routing::get(async || "x".repeat(3_000_000)))
        .route("/away/api/v2/alerts", axum::routing::get(async || axum::response::Redirect::to("/nonsense")));
    tokio::spawn(async move { axum::serve(nonsense, routes).await });
    for (url, want) in [
        (silent.clone(), "did not answer within 2 s"),
        (format!("{talks}/nonsense"), "its answer is not understood"),
        (format!("{talks}/vast"), "more than 2000000 bytes"),
        (format!("{talks}/away"), "it answered 303"),
        (format!("{talks}/nowhere"), "it answered 404"),
    ] {
        let house = House::with(|config| config.console.alertmanager_url = Some(url.clone())).await;
        let page = operator(&house).await.get(ALERTS).await.page(200).text.clone();
        assert!(page.contains(want), "{url}: {page}");
    }
}
