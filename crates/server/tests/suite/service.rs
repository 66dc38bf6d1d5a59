//! What the service says of itself, and that it starts again as it was.

use server::app::App;

use crate::house::House;

#[tokio::test]
async fn anybody_may_ask_how_the_service_is() {
    let house = House::new().await;
    let ask = |path: &str| house.send(http::Request::get(path).body(axum::body::Body::empty()).unwrap());
    assert_eq!(ask("/health").await.expect(200)["status"], "ok");
    assert_eq!(ask("/ready").await.expect(200)["status"], "ready");
    assert_eq!(ask("/openapi.json").await.expect(200)["openapi"], "3.1.0");
    let page = ask("/docs").await;
    assert!(page.status == 200 && page.header("content-type").starts_with("text/html"));
    assert!(ask("/metrics").await.text.contains("engram_requests_total"));
    house.app.lifecycle.begin_drain();
    assert_eq!(ask("/ready").await.expect(503)["status"], "not_ready");
    assert_eq!(ask("/health").await.status, 200);
}

#[tokio::test]
async fn a_second_start_has_the_same_key_and_the_same_memories() {
    let house = House::new().await;
    house.remember("kept over a restart").await;
    house.app.shutdown().await;
    let again = App::open(house.app.config.clone()).await.unwrap();
    assert_eq!(again.dev, house.app.dev);
    let house = House { router: again.router(), app: again, ..house };
    let found = house.post("/v1/search", serde_json::json!({"query": "kept restart"})).await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_secret_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new().await;
    for (name, mode) in
        [("dev-key", 0o600), ("control/pepper", 0o600), ("tenants", 0o700), ("control", 0o700)]
    {
        let found = std::fs::metadata(house.folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
}
