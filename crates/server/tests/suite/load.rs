//! `/load`, for operators: what is busy is seen, and narrowed without a restart.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn a_class_that_is_shed_is_turned_away_until_it_is_restored() {
    let house = House::new().await;
    house.remember("tea").await;
    let change = async |body: Value| house.ask_locally(Method::PATCH, "/load", body).await.expect(200);
    assert_eq!(change(json!({"shed": {"search": true}})).await["shed"], json!(["search"]));
    let refused = house.post("/v1/search", json!({"query": "tea"})).await;
    refused.expect_error(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "30");
    house.get("/v1/memories/1").await.expect(200);
    let metrics = house.get("/metrics").await.text;
    assert!(metrics.contains(r#"engram_shed_classes{class="search"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"engram_shed_total{class="search"} 1"#));
    assert_eq!(change(json!({"shed": {"search": false}})).await["shed"], json!([]));
    house.post("/v1/search", json!({"query": "tea"})).await.expect(200);

    let log = house.ask_locally(Method::GET, "/audit-log?limit=2", Value::Null).await.expect(200);
    let rows: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|row| (&row["action"], &row["target"])).collect();
    assert_eq!(
        rows,
        [(&json!("restore_requests"), &json!("search")), (&json!("shed_requests"), &json!("search"))]
    );
}

#[tokio::test]
async fn one_tenant_is_bounded_and_the_others_are_not() {
    let house = House::new().await;
    let key = house.another_tenant("busy").await;
    let cap = async |max: Value| {
        let body = json!({"tenant": "busy", "at_work_max": max});
        house.ask_locally(Method::PATCH, "/load", body).await.expect(200)
    };
    assert_eq!(cap(json!(0)).await["caps"], json!([{"tenant": "busy", "at_work_max": 0}]));
    house.ask_as(&key, Method::GET, "/v1/stats", Value::Null).await.expect_error(503, "overloaded");
    house.get("/v1/stats").await.expect(200);
    assert_eq!(cap(Value::Null).await["caps"], json!([]));
    house.ask_as(&key, Method::GET, "/v1/stats", Value::Null).await.expect(200);
    let log = house.ask_locally(Method::GET, "/audit-log?tenant=busy&limit=1", Value::Null).await.expect(200);
    assert_eq!(log["items"][0]["action"], "cap_tenant", "{log}");
}

#[tokio::test]
async fn the_routes_of_the_last_minutes_are_told_to_operators_alone() {
    let house = House::new().await;
    house.remember("tea").await;
    house.post("/v1/search", json!({"query": "tea"})).await.expect(200);
    let load = house.ask_locally(Method::GET, "/load", Value::Null).await.expect(200);
    let routes = load["routes"].as_array().unwrap();
    let search = routes.iter().find(|route| route["route"] == "/v1/search").unwrap();
    assert!(search["requests"] == 1 && search["p95_ms"].as_f64().unwrap() > 0.0, "{search}");
    house.get("/load").await.expect_error(403, "forbidden");
    house.patch("/load", json!({"shed": {"read": true}})).await.expect_error(403, "forbidden");
    house
        .ask_locally(Method::PATCH, "/load", json!({"shed": {"all": true}, "at_work_max": 3}))
        .await
        .expect_problems(&["shed.all", "tenant"]);
}
