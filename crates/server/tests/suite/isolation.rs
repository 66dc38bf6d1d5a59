//! Nothing of one tenant is reachable by another.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn ids_of_another_tenant_do_not_exist() {
    let house = House::new().await;
    let id = house.remember("the secret of the first tenant").await;
    let other = house.another_tenant("other").await;
    let ask = |method: Method, path: String, body: Value| {
        let (house, other) = (&house, &other);
        async move { house.ask_as(other, method, &path, body).await }
    };
    for (method, path, body) in [
        (Method::GET, format!("/v1/memories/{id}"), Value::Null),
        (Method::PATCH, format!("/v1/memories/{id}"), json!({"content": "x"})),
        (Method::DELETE, format!("/v1/memories/{id}"), Value::Null),
        (Method::GET, format!("/v1/memories/{id}/history"), Value::Null),
        (Method::POST, format!("/v1/memories/{id}/revert"), json!({"to_version": 1})),
    ] {
        ask(method, path, body).await.expect_error(404, "memory_not_found");
    }
    let everything = json!({"filters": {}});
    assert_eq!(ask(Method::POST, "/v1/memories/delete".into(), everything).await.expect(200)["count"], 0);
    let found = ask(Method::POST, "/v1/search".into(), json!({"query": "secret of the first tenant"})).await;
    assert_eq!(found.expect(200)["items"], json!([]));
    let recalled =
        ask(Method::POST, "/v1/context".into(), json!({"query": "secret of the first tenant"})).await;
    assert_eq!(recalled.expect(200)["text"], "");
    assert_eq!(ask(Method::GET, "/v1/memories".into(), Value::Null).await.expect(200)["items"], json!([]));
    assert_eq!(ask(Method::GET, "/v1/stats".into(), Value::Null).await.expect(200)["memories"], 0);
    assert_eq!(house.get(&format!("/v1/memories/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_scope_opens_only_its_own_door() {
    let house = House::new().await;
    house.remember("x").await;
    let key = |scopes: Value| {
        let house = &house;
        async move {
            let made = house
                .ask_locally(Method::POST, "/api-keys", json!({"tenant": "default", "scopes": scopes}))
                .await;
            made.expect(201)["key"].as_str().unwrap().to_owned()
        }
    };
    let reader = key(json!(["memories:read"])).await;
    let searcher = key(json!(["search"])).await;
    let usual = house.ask_locally(Method::POST, "/api-keys", json!({"tenant": "default"})).await.expect(201);
    assert_eq!(usual["scopes"], json!(["memories:read", "memories:write", "search"]));
    let usual = usual["key"].as_str().unwrap();
    for (key, method, path, body, status) in [
        (&*reader, Method::GET, "/v1/memories/1", Value::Null, 200),
        (&*reader, Method::POST, "/v1/memories", json!({"content": "y"}), 403),
        (&*reader, Method::POST, "/v1/search", json!({"query": "x"}), 403),
        (&*searcher, Method::POST, "/v1/search", json!({"query": "x"}), 200),
        (&*reader, Method::POST, "/v1/context", json!({"query": "x"}), 403),
        (&*searcher, Method::POST, "/v1/context", json!({"query": "x"}), 200),
        (&*searcher, Method::GET, "/v1/memories/1", Value::Null, 403),
        (usual, Method::GET, "/v1/usage", Value::Null, 403),
        (usual, Method::POST, "/api-keys", json!({}), 403),
        (usual, Method::GET, "/tenants", Value::Null, 403),
    ] {
        let answer = house.ask_as(key, method, path, body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
}
