//! `/usage`, for operators: what tenants used, by tenant and day.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn an_operator_reads_what_every_tenant_used() {
    let house = House::new().await;
    let other = house.another_tenant("other").await;
    house.remember("one").await;
    house.ask_as(&other, Method::POST, "/v1/memories", json!({"content": "two"})).await.expect(201);
    house.app.meter.drain(Duration::from_secs(10)).await;
    let ask = |path: &'static str| house.ask_locally(Method::GET, path, Value::Null);
    let report = ask("/usage").await.expect(200);
    let rows = report["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{report}");
    assert!(rows.iter().all(|row| row["memories_created"] == 1 && row["day"] == report["to"]), "{report}");
    let one = ask("/usage?tenant=other").await.expect(200);
    assert_eq!((one["items"].as_array().unwrap().len(), &one["items"][0]["tenant"]), (1, &json!("other")));
    let first = ask("/usage?limit=1").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second =
        house.ask_locally(Method::GET, &format!("/usage?limit=1&cursor={cursor}"), Value::Null).await;
    let second = second.expect(200);
    assert_ne!(first["items"], second["items"]);
    assert_eq!(second["next_cursor"], Value::Null);
    let past = ask("/usage?from=2020-01-01&to=2020-01-31").await.expect(200);
    assert_eq!(past["items"], json!([]));
}

#[tokio::test]
async fn bad_questions_about_usage_are_refused_by_name() {
    let house = House::new().await;
    let ask = |path: &'static str| house.ask_locally(Method::GET, path, Value::Null);
    ask("/usage?from=soon&to=2020-02-30&limit=0&x=1").await.expect_problems(&["from", "to", "limit", "x"]);
    ask("/usage?from=2026-01-02&to=2026-01-01").await.expect_problems(&["from"]);
    ask("/usage?tenant=nobody").await.expect_error(404, "tenant_not_found");
    house.get("/usage").await.expect_error(403, "forbidden");
}

#[tokio::test]
async fn an_operator_corrects_a_day_and_the_tenant_reads_why() {
    let house = House::new().await;
    house.remember("one").await;
    house.remember("two").await;
    house.app.meter.drain(Duration::from_secs(10)).await;
    let day = house.get("/v1/usage").await.expect(200)["items"][0]["day"].as_str().unwrap().to_owned();
    let body = |calls: i64| json!({"id": "inc-1", "tenant": "default", "day": day, "api_calls": calls, "reason": "an incident"});
    let adjust = |body: Value| house.ask_locally(Method::POST, "/usage/adjustments", body);
    let made = adjust(body(-1)).await.expect(200);
    assert_eq!(adjust(body(-1)).await.expect(200), made, "sent twice is corrected once");
    adjust(body(-2)).await.expect_error(409, "conflict");
    adjust(json!({"id": "x", "tenant": "default", "day": day, "api_calls": -99, "reason": "r"}))
        .await
        .expect(400);
    adjust(json!({"tenant": 1, "day": "soon", "api_calls": "x", "y": 1})).await.expect_problems(&[
        "tenant",
        "id",
        "day",
        "reason",
        "api_calls",
        "y",
    ]);
    let usage = house.get("/v1/usage").await.expect(200);
    // Two creates and one look at the usage before, less one.
    assert_eq!(
        (&usage["items"][0]["api_calls"], &usage["adjustments"][0]["reason"]),
        (&json!(2), &json!("an incident"))
    );
    house.post("/usage/adjustments", body(5)).await.expect_error(403, "forbidden");
}

#[tokio::test]
async fn single_events_are_exported_in_pages_and_test_tenants_are_marked() {
    let house = House::new().await;
    let made = json!({"slug": "trial", "kind": "test"});
    house.ask_locally(Method::POST, "/tenants", made).await.expect(201);
    for n in 0..5 {
        house.remember(&format!("m{n}")).await;
    }
    house.app.meter.drain(Duration::from_secs(10)).await;
    let later = "to=2200-01-01T00:00:00Z";
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/usage/events?limit=2&{later}{cursor}");
        let page = house.ask_locally(Method::GET, &path, Value::Null).await.expect(200);
        for event in page["items"].as_array().unwrap() {
            assert_eq!((&event["tenant"], &event["billed"]), (&json!("default"), &json!(true)));
            ids.push(event["request_id"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((all, ids.len()), (5, 5));
    let bad = house.ask_locally(Method::GET, "/usage/events?from=x&cursor=1&limit=0", Value::Null).await;
    bad.expect_problems(&["from", "limit", "cursor"]);
}

#[tokio::test]
async fn what_was_served_is_what_the_ledger_holds() {
    let house = House::new().await;
    for n in 0..5 {
        house.remember(&format!("m{n}")).await;
    }
    let ask = || house.ask_locally(Method::GET, "/usage/reconciliation", Value::Null);
    let hour = |found: &Value| found["items"][0].clone();
    let found = ask().await.expect(200);
    assert_eq!((&hour(&found)["verdict"], &hour(&found)["served"]), (&json!("waiting"), &json!(5)));
    house.app.meter.drain(Duration::from_secs(10)).await;
    house.clock.advance_ms(3_600_000);
    let found = ask().await.expect(200);
    assert_eq!((&found["drift"], &hour(&found)["verdict"]), (&json!(0), &json!("agrees")), "{found}");
    // As if another node had been told that two events of its own are in the ledger.
    let sum = tenancy::UsageSum { requests: 2, ..tenancy::UsageSum::default() };
    let hour_start = hour(&found)["hour"].as_str().unwrap().parse().unwrap();
    let told = vec![tenancy::NodeHour { hour_start, served: sum, sent: sum }];
    house.app.control.report_node_hours("node_other", told).await.unwrap();
    let found = ask().await.expect(200);
    assert_eq!((&found["drift"], &hour(&found)["verdict"]), (&json!(2), &json!("drift")), "{found}");
    let job = server::jobs::JOBS.iter().find(|job| job.name == "reconcile_usage").unwrap();
    job.run_now(&house.app).await.unwrap();
    let metrics = house.get("/metrics").await;
    assert!(metrics.text.contains("engram_usage_drift_events 2"), "the gauge an alert looks at");
}
