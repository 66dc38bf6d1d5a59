//! `/v1/usage`.

use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn usage_counts_calls_searches_and_rows_before_and_after_the_ledger_has_them() {
    let house = House::new().await;
    let rows: Vec<_> = (0..40).map(|n| json!({"content": format!("m{n}")})).collect();
    house.post("/v1/memories/batch", json!({ "memories": rows })).await.expect(201);
    house.post("/v1/search", json!({"query": "m1"})).await.expect(200);
    house.get("/v1/memories/1").await.expect(200);
    house.get("/v1/memories/999").await.expect_error(404, "memory_not_found");
    let check = |usage: serde_json::Value, calls: u64| {
        let day = &usage["items"][0];
        assert_eq!(day["api_calls"], calls, "{usage}");
        assert_eq!((&day["search_queries"], &day["memories_created"]), (&json!(1), &json!(40)));
        assert!(day["storage_bytes"].as_i64().unwrap() > 0);
        assert!(usage["limits"].get("memories").is_some());
    };
    check(house.get("/v1/usage").await.expect(200), 4);
    house.app.meter.drain(std::time::Duration::from_secs(5)).await;
    check(house.get("/v1/usage").await.expect(200), 5);
}

#[tokio::test]
async fn usage_is_read_by_hour_and_as_lines_for_a_spreadsheet() {
    let house = House::new().await;
    house.remember("one").await;
    house.clock.advance_ms(3_600_000);
    house.post("/v1/search", json!({"query": "one"})).await.expect(200);
    for _ in ["on the way", "in the ledger"] {
        let hours = house.get("/v1/usage?by=hour").await.expect(200);
        let rows = hours["items"].as_array().unwrap();
        assert!(rows.len() == 2 && rows[0]["memories_created"] == 1, "{hours}");
        assert_eq!(rows[1]["search_queries"], 1);
        assert!(rows[0]["hour"].as_str().unwrap() < rows[1]["hour"].as_str().unwrap());
        house.app.meter.drain(std::time::Duration::from_secs(5)).await;
    }
    let csv = house.get("/v1/usage?format=csv").await;
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(lines[0], "day,hour,api_calls,search_queries,memories_created,storage_bytes");
    assert!(lines.len() == 2 && lines[1].contains(",1,1,"), "{lines:?}");
    let past = house.get("/v1/usage?from=2020-01-01&to=2020-01-31").await.expect(200);
    assert_eq!(past["items"], json!([]), "what is on its way today is not of 2020");
    house
        .get("/v1/usage?by=minute&format=xml&from=x&y=1")
        .await
        .expect_problems(&["by", "from", "format", "y"]);
}

#[tokio::test]
async fn a_dry_run_says_so_and_keeps_nothing() {
    let house = House::with(|config| config.usage.recording = server::config::UsageRecording::DryRun).await;
    house.remember("one").await;
    assert_eq!(house.app.meter.drain(std::time::Duration::from_secs(5)).await, 0);
    let usage = house.get("/v1/usage").await.expect(200);
    assert_eq!((&usage["dry_run"], &usage["billed"]), (&json!(true), &json!(true)));
    assert_eq!(usage["items"], json!([]));
}
