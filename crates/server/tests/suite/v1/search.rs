//! `/v1/search`.

use serde_json::json;

use crate::house::House;

async fn furnished() -> House {
    let house = House::new().await;
    let rows = json!([
        {"content": "Anna prefers green tea to coffee", "kind": "preference", "metadata": {"level": 3}},
        {"content": "The deployment runs on Fridays", "kind": "decision", "workspace": "ops"},
        {"content": "Bob has a dog named Rex", "importance": 0.9},
    ]);
    house.post("/v1/memories/batch", json!({ "memories": rows })).await.expect(201);
    house
}

#[tokio::test]
async fn words_meaning_and_typos_find_a_memory() {
    let house = furnished().await;
    for (query, id) in
        [("green tea", 1), ("what does Anna like to drink?", 1), ("deploymnet", 2), ("pet animal puppy", 3)]
    {
        let found = house.post("/v1/search", json!({ "query": query })).await.expect(200);
        assert_eq!(found["items"][0]["memory"]["id"], id, "{query}: {found}");
        let score = found["items"][0]["score"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&score), "{score}");
        assert!(found["took_ms"].as_f64().unwrap() > 0.0);
        assert!(found["items"][0].get("explain").is_none());
    }
    let by_url = house.get("/v1/search?q=green+tea&limit=1").await.expect(200);
    assert_eq!(by_url["items"][0]["memory"]["id"], 1);
}

#[tokio::test]
async fn the_limit_is_exact_and_blank_queries_find_nothing() {
    let house = furnished().await;
    for limit in 1..=3 {
        let found = house
            .post("/v1/search", json!({"query": "Anna deployment dog tea", "limit": limit}))
            .await
            .expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), limit, "{found}");
    }
    for blank in ["", " ", "\n\t"] {
        assert_eq!(house.post("/v1/search", json!({ "query": blank })).await.expect(200)["items"], json!([]));
    }
    assert_eq!(house.get("/v1/search?q=").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn filters_workspaces_and_explanations_work() {
    let house = furnished().await;
    let only = |extra: serde_json::Value| {
        let mut body = json!({"query": "Anna deployment dog"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    for (extra, ids) in [
        (json!({"filters": {"kind": "decision"}}), &[2][..]),
        (json!({"filters": {"metadata.level": {"gte": 3}}}), &[1]),
        (json!({"filters": {"not": {"kind": {"in": ["preference", "decision"]}}}}), &[3]),
        (json!({"workspace": "OPS"}), &[2]),
        (json!({"workspace": "empty"}), &[]),
    ] {
        let found = house.post("/v1/search", only(extra.clone())).await.expect(200);
        let found: Vec<_> =
            found["items"].as_array().unwrap().iter().map(|i| i["memory"]["id"].as_i64().unwrap()).collect();
        assert_eq!(found, ids, "{extra}");
    }
    let explained =
        house.post("/v1/search", json!({"query": "green tea", "explain": true})).await.expect(200);
    let explain = &explained["items"][0]["explain"];
    assert!(explain["signals"].as_array().unwrap().iter().any(|s| s["name"] == "keywords"), "{explained}");
}

#[tokio::test]
async fn diversity_makes_room_for_what_does_not_repeat() {
    let house = House::new().await;
    let rows = json!([
        {"content": "Anna drinks green tea in the morning"},
        {"content": "Anna drinks green tea in the mornings"},
        {"content": "In the morning Anna drinks green tea"},
        {"content": "Anna drinks black coffee after lunch"},
    ]);
    house.post("/v1/memories/batch", json!({ "memories": rows })).await.expect(201);
    let search = |diversity: f64| json!({"query": "what tea does Anna drink in the morning?", "limit": 2, "diversity": diversity, "explain": true});
    let same = house.post("/v1/search", search(0.0)).await.expect(200);
    assert!(same["items"][1]["memory"]["id"].as_i64().unwrap() < 4, "{same}");
    assert!(same["items"][1]["explain"].get("repeats").is_none(), "{same}");
    let varied = house.post("/v1/search", search(0.7)).await.expect(200);
    assert_eq!(varied["items"][1]["memory"]["id"], 4, "{varied}");
    assert!(varied["items"][1]["explain"]["repeats"].as_f64().unwrap() < 0.9, "{varied}");
    let by_url = house.get("/v1/search?q=tea&diversity=0.5").await.expect(200);
    assert_eq!(by_url["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn search_never_fails_on_odd_queries() {
    let house = furnished().await;
    let long = "tea ".repeat(2_500);
    for query in [
        "\"unbalanced",
        "AND OR NOT",
        "NEAR(a b)",
        "tea*",
        "^tea",
        "col:tea",
        "(((",
        "a\0b",
        "🙂🙂",
        "茶は緑",
        "'; DROP TABLE memory; --",
        "-",
        "{}[]",
        "\u{202e}txet",
        "what? why! how...",
        long.as_str(),
    ] {
        house.post("/v1/search", json!({ "query": query })).await.expect(200);
    }
}

#[tokio::test]
async fn a_bad_search_is_refused_with_every_problem() {
    let house = House::new().await;
    house.post("/v1/search", json!({})).await.expect_problems(&["query"]);
    let told =
        house.post("/v1/search", json!({"query": "x", "limit": "10"})).await.expect_problems(&["limit"]);
    assert_eq!(told["message"], "limit must be an integer between 1 and 100, got a string");
    house
        .post("/v1/search", json!({
            "query": 5, "limit": 0, "filters": {"colour": 1, "importance": {"above": 1}}, "workspace": "a b", "explain": "yes",
            "min_score": 2, "diversity": 1.5, "fuzzy": true,
        }))
        .await
        .expect_problems(&["query", "limit", "filters.colour", "filters.importance.above", "workspace", "explain", "min_score", "diversity", "fuzzy"]);
    house.get("/v1/search").await.expect_problems(&["q"]);
    house.get("/v1/search?q=a&limit=x&z=1").await.expect_problems(&["limit", "z"]);
    house.post("/v1/search", json!({"query": "x".repeat(70_000)})).await.expect_problems(&["query"]);
}
