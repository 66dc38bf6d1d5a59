//! `/audit-log`: who did what, from where; each tenant sees its own.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn every_change_is_on_record_and_a_tenant_sees_its_own() {
    let house = House::new().await;
    let other = house.another_tenant("other").await;
    let made = house.post("/api-keys", json!({"name": "ci"})).await.expect(201);
    let own = house.get("/audit-log").await.expect(200);
    let newest = &own["items"][0];
    assert_eq!((&newest["action"], &newest["target"]), (&json!("create_api_key"), &made["id"]));
    assert!(newest["actor"].as_str().unwrap().starts_with("key:key_"), "{newest}");
    assert_eq!(newest["origin"], "127.0.0.1");
    let theirs = house.ask_as(&other, Method::GET, "/audit-log", Value::Null).await.expect(200);
    let tenants = |log: &Value| {
        let rows = log["items"].as_array().unwrap().iter();
        rows.map(|row| row["tenant_id"].to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!((tenants(&own).len(), tenants(&theirs).len()), (1, 1));
    assert!(tenants(&own).is_disjoint(&tenants(&theirs)));
    let all = house.ask_locally(Method::GET, "/audit-log", Value::Null).await.expect(200);
    assert!(tenants(&all).len() >= 2, "{all}");
    let named = house.ask_locally(Method::GET, "/audit-log?tenant=other", Value::Null).await.expect(200);
    assert_eq!(tenants(&named), tenants(&theirs));
}

#[tokio::test]
async fn the_log_is_read_in_pages_newest_first() {
    let house = House::new().await;
    for number in 0..5 {
        house.post("/api-keys", json!({"name": format!("key {number}")})).await.expect(201);
    }
    let mut ids = Vec::new();
    let mut path = "/audit-log?limit=2".to_owned();
    loop {
        let page = house.get(&path).await.expect(200);
        ids.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/audit-log?limit=2&cursor={cursor}");
    }
    assert!(ids.len() >= 5 && ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    house.get("/audit-log?limit=101&cursor=x&who=me").await.expect_problems(&["limit", "cursor", "who"]);
}
