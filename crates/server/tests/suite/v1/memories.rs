//! `/v1/memories`.

use http::{Method, Request, header};
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn a_memory_has_every_field_of_the_contract() {
    let house = House::new().await;
    let memory = house.post("/v1/memories", json!({"content": "Anna prefers tea"})).await.expect(201);
    let names: Vec<_> = memory.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = [
        "id",
        "content",
        "kind",
        "tags",
        "metadata",
        "importance",
        "workspace",
        "user_id",
        "agent_id",
        "session_id",
        "actor",
        "tier",
        "expires_at",
        "event_time",
        "valid_from",
        "valid_to",
        "superseded_by",
        "custom_id",
        "version",
        "created_at",
        "updated_at",
        "embedding",
    ];
    wanted.sort_unstable();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, wanted);
    assert_eq!(memory["id"], 1);
    assert_eq!(memory["kind"], "note");
    assert_eq!(memory["workspace"], "default");
    assert_eq!(memory["tier"], "permanent");
    assert_eq!(memory["version"], 1);
    assert_eq!(memory["embedding"], "ready");
    assert_eq!(memory["importance"], 0.5);
    assert_eq!(memory["tags"], json!([]));
    assert_eq!(memory["metadata"], json!({}));
    assert_eq!(house.get("/v1/memories/1").await.expect(200), memory);
}

#[tokio::test]
async fn what_is_sent_comes_back() {
    let house = House::new().await;
    let sent = json!({
        "content": "The deploy moved to Friday", "kind": "decision", "tags": ["ops", "deploy"],
        "metadata": {"source": {"channel": "slack", "n": 3}}, "importance": 0.9, "workspace": "Team.A",
        "user_id": "u1", "agent_id": "a1", "session_id": "s1", "actor": "Anna", "tier": "daily",
        "expires_at": "2026-12-24T10:00:00Z", "event_time": "2026-11-20T08:30:00+02:00",
        "valid_from": "2026-11-20T00:00:00Z", "valid_to": "2027-01-01T00:00:00Z", "custom_id": "deploy-day",
    });
    let memory = house.post("/v1/memories", sent.clone()).await.expect(201);
    for (name, value) in sent.as_object().unwrap() {
        let wanted = match name.as_str() {
            "workspace" => json!("team.a"),
            "event_time" => json!("2026-11-20T06:30:00Z"),
            _ => value.clone(),
        };
        assert_eq!(memory[name], wanted, "{name}");
    }
}

#[tokio::test]
async fn a_known_custom_id_updates_and_answers_200() {
    let house = House::new().await;
    let first = house.post("/v1/memories", json!({"content": "one", "custom_id": "k"})).await.expect(201);
    let second = house.post("/v1/memories", json!({"content": "two", "custom_id": "k"})).await.expect(200);
    assert_eq!((&second["id"], &second["version"]), (&first["id"], &json!(2)));
    house
        .post("/v1/memories", json!({"content": "two", "custom_id": "k", "workspace": "w"}))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_and_names_each_row() {
    let house = House::new().await;
    let stored =
        house.post("/v1/memories/batch", json!({"memories": [{"content": "a"}, {"content": "b"}]})).await;
    let stored = stored.expect(201);
    assert_eq!(stored["items"].as_array().unwrap().len(), 2);
    assert_eq!(stored["items"][1]["content"], "b");

    let rows =
        json!([{"content": "c"}, {"content": " "}, {"content": "d", "importance": 7}, "e", {"contnt": "f"}]);
    house.post("/v1/memories/batch", json!({ "memories": rows })).await.expect_problems(&[
        "memories[1].content",
        "memories[2].importance",
        "memories[3]",
        "memories[4].content",
        "memories[4].contnt",
    ]);
    house
        .post("/v1/memories/batch", json!({"memories": [{"content": " "}, {"content": "g", "tags": [""]}]}))
        .await
        .expect_problems(&["memories[0].content", "memories[1].tags[0]"]);
    for bad in [
        json!({"memories": []}),
        json!({"memories": {}}),
        json!({"memories": vec![json!({"content": "x"}); 1_001]}),
    ] {
        house.post("/v1/memories/batch", bad).await.expect_problems(&["memories"]);
    }
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 2);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let house = House::new().await;
    let rows: Vec<_> = (1..=7)
        .map(|n| json!({"content": format!("memory {n}"), "tags": [if n % 2 == 0 {"even"} else {"odd"}]}))
        .collect();
    house.post("/v1/memories/batch", json!({ "memories": rows })).await.expect(201);
    for (order, first) in [("newest", 7), ("oldest", 1)] {
        let mut ids = Vec::new();
        let mut path = format!("/v1/memories?limit=3&order={order}");
        loop {
            let page = house.get(&path).await.expect(200);
            ids.extend(page["items"].as_array().unwrap().iter().map(|m| m["id"].as_i64().unwrap()));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/memories?limit=3&order={order}&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(ids.len(), 7, "{order}");
        assert_eq!(ids[0], first);
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 7);
    }
    let even = house.get("/v1/memories?tag=even").await.expect(200);
    assert_eq!(even["items"].as_array().unwrap().len(), 3);
    let filtered =
        house.get("/v1/memories?filters=%7B%22id%22%3A%7B%22lte%22%3A2%7D%7D&tag=odd").await.expect(200);
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1);
    assert_eq!(house.get("/v1/memories?workspace=elsewhere").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_bad_list_is_refused_by_name() {
    let house = House::new().await;
    for (query, fields) in [
        ("limit=0", &["limit"][..]),
        ("limit=101&order=up", &["limit", "order"]),
        ("limit=ten&colour=red", &["limit", "colour"]),
        ("cursor=zzz", &["cursor"]),
        ("cursor=o5", &["cursor"]),
        ("workspace=a%20b", &["workspace"]),
        ("filters=%7B%22colour%22%3A1%7D", &["filters.colour"]),
        ("filters=7", &["filters"]),
        ("tier=weekly", &["tier"]),
        ("limit=1&limit=2", &["limit"]),
    ] {
        house.get(&format!("/v1/memories?{query}")).await.expect_problems(fields);
    }
}

#[tokio::test]
async fn a_patch_keeps_what_is_absent_and_clears_what_is_null() {
    let house = House::new().await;
    house
        .post("/v1/memories", json!({"content": "one", "tags": ["a"], "user_id": "u", "kind": "fact"}))
        .await
        .expect(201);
    let changed = house
        .patch("/v1/memories/1", json!({"content": "two", "user_id": null, "kind": null}))
        .await
        .expect(200);
    assert_eq!(changed["content"], "two");
    assert_eq!(
        (&changed["tags"], &changed["user_id"], &changed["kind"]),
        (&json!(["a"]), &Value::Null, &json!("note"))
    );
    assert_eq!(changed["version"], 2);
    house
        .patch("/v1/memories/1", json!({"content": "three", "version": 1}))
        .await
        .expect_error(409, "version_conflict");
    house.patch("/v1/memories/1", json!({"content": "three", "version": 2})).await.expect(200);
    house
        .patch("/v1/memories/1", json!({"content": null, "importance": 7, "colour": "red", "tags": "x"}))
        .await
        .expect_problems(&["content", "importance", "colour", "tags"]);
    house.patch("/v1/memories/99", json!({"content": "x"})).await.expect_error(404, "memory_not_found");
    assert_eq!(house.get("/v1/memories/1").await.expect(200)["content"], "three");
}

#[tokio::test]
async fn history_is_kept_and_an_earlier_version_comes_back() {
    let house = House::new().await;
    house.remember("the sky is green").await;
    house.patch("/v1/memories/1", json!({"content": "the sky is blue"})).await.expect(200);
    let history = house.get("/v1/memories/1/history").await.expect(200);
    let told: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["version"].clone(), r["memory"]["content"].clone()))
        .collect();
    assert_eq!(told, [(json!(2), json!("the sky is blue")), (json!(1), json!("the sky is green"))]);
    let back = house.post("/v1/memories/1/revert", json!({"to_version": 1})).await.expect(200);
    assert_eq!((&back["content"], &back["version"]), (&json!("the sky is green"), &json!(3)));
    house
        .post("/v1/memories/1/revert", json!({"to_version": 9}))
        .await
        .expect_error(404, "version_not_found");
    house
        .post("/v1/memories/1/revert", json!({"to_version": 1, "version": 1}))
        .await
        .expect_error(409, "version_conflict");
    house.post("/v1/memories/1/revert", json!({})).await.expect_problems(&["to_version"]);
    house.get("/v1/memories/9/history").await.expect_error(404, "memory_not_found");
}

#[tokio::test]
async fn a_deleted_memory_is_gone_everywhere() {
    let house = House::new().await;
    let id = house.remember("the password is swordfish").await;
    let answer = house.delete(&format!("/v1/memories/{id}")).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    house.get(&format!("/v1/memories/{id}")).await.expect_error(404, "memory_not_found");
    house.delete(&format!("/v1/memories/{id}")).await.expect_error(404, "memory_not_found");
    let found = house.post("/v1/search", json!({"query": "swordfish"})).await.expect(200);
    assert_eq!(found["items"], json!([]));
    assert_eq!(house.remember("another").await, id + 1, "ids are never reused");
}

#[tokio::test]
async fn a_filter_deletes_only_what_it_matches_and_a_dry_run_nothing() {
    let house = House::new().await;
    for kind in ["fact", "fact", "todo"] {
        house.post("/v1/memories", json!({"content": "x", "kind": kind})).await.expect(201);
    }
    let filters = json!({"kind": "fact"});
    let would =
        house.post("/v1/memories/delete", json!({"filters": filters, "dry_run": true})).await.expect(200);
    assert_eq!(would, json!({"count": 2, "ids": [1, 2], "dry_run": true}));
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 3);
    let did = house.post("/v1/memories/delete", json!({ "filters": filters })).await.expect(200);
    assert_eq!((&did["count"], &did["dry_run"]), (&json!(2), &json!(false)));
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 1);
    house.post("/v1/memories/delete", json!({})).await.expect_problems(&["filters"]);
    house
        .post("/v1/memories/delete", json!({"filters": {"colour": 1}, "dry_run": "yes"}))
        .await
        .expect_problems(&["filters.colour", "dry_run"]);
}

#[tokio::test]
async fn an_idempotency_key_makes_a_create_happen_once() {
    let house = House::new().await;
    let ask = |key: &str, body: Value| {
        Request::builder()
            .method(Method::POST)
            .uri("/v1/memories")
            .header(header::AUTHORIZATION, format!("Bearer {}", house.key))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(body.to_string().into())
            .unwrap()
    };
    let first = house.send(ask("k1", json!({"content": "once", "kind": "fact"}))).await.expect(201);
    let again = house.send(ask("k1", json!({"kind": "fact", "content": "once"}))).await.expect(201);
    assert_eq!(first["id"], again["id"]);
    house.send(ask("k1", json!({"content": "other"}))).await.expect_error(409, "idempotency_key_reused");
    house.send(ask(&"k".repeat(256), json!({"content": "x"}))).await.expect_problems(&["Idempotency-Key"]);
    house.send(ask(" ", json!({"content": "x"}))).await.expect_problems(&["Idempotency-Key"]);
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 1);
}

#[tokio::test]
async fn an_expired_memory_is_nowhere_to_be_found() {
    let house = House::new().await;
    house.post("/v1/memories", json!({"content": "lunch is at noon", "tier": "daily"})).await.expect(201);
    assert_eq!(
        house.post("/v1/search", json!({"query": "lunch"})).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    house.clock.advance_ms(24 * 3_600 * 1_000 + 1);
    house.get("/v1/memories/1").await.expect_error(404, "memory_not_found");
    house.get("/v1/memories/1/history").await.expect_error(404, "memory_not_found");
    assert_eq!(house.get("/v1/memories").await.expect(200)["items"], json!([]));
    assert_eq!(house.post("/v1/search", json!({"query": "lunch"})).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn an_acknowledged_write_is_readable_by_the_next_request() {
    let house = House::new().await;
    for n in 0..100 {
        let word = format!("zebra{n}x");
        let id = house.remember(&format!("the code is {word}")).await;
        assert_eq!(house.get(&format!("/v1/memories/{id}")).await.status, 200);
        let found = house.post("/v1/search", json!({"query": word, "limit": 1})).await.expect(200);
        assert_eq!(found["items"][0]["memory"]["id"], id);
    }
}
