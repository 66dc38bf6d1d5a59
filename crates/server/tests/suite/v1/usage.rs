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
