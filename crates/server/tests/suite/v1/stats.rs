//! `/v1/stats` and `/v1/workspaces`.

use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn stats_and_workspaces_count_what_is_there() {
    let house = House::new().await;
    let empty = house.get("/v1/stats").await.expect(200);
    assert_eq!((&empty["memories"], &empty["oldest"]), (&json!(0), &json!(null)));
    for (workspace, kind) in [("default", "fact"), ("ops", "fact"), ("ops", "todo")] {
        house
            .post("/v1/memories", json!({"content": "x", "workspace": workspace, "kind": kind}))
            .await
            .expect(201);
    }
    let stats = house.get("/v1/stats").await.expect(200);
    assert_eq!(stats["memories"], 3);
    assert_eq!(stats["by_kind"], json!([{"kind": "fact", "count": 2}, {"kind": "todo", "count": 1}]));
    assert_eq!(stats["pending_embeddings"], 0);
    assert!(stats["embedding_model"].is_string());
    let workspaces = house.get("/v1/workspaces").await.expect(200);
    let told: Vec<_> = workspaces["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| (w["name"].clone(), w["memories"].clone()))
        .collect();
    assert_eq!(told, [(json!("default"), json!(1)), (json!("ops"), json!(2))]);
    house.get("/v1/stats?verbose=1").await.expect_problems(&["verbose"]);
}
