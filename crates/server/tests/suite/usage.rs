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
