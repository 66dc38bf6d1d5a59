//! A second opinion on hits, asked for with `rerank`, from a small model in a folder.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::house::House;

const TINY_BERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../embedding/tests/data/tiny-bert");

async fn furnished(rerank_model: Option<&str>) -> House {
    let house = House::with(|config| config.embedding.rerank_model = rerank_model.map(str::to_owned)).await;
    for content in ["the cat sat on the mat", "a cat and a dog", "a dog on a boat", "rain on the sea"] {
        house.post("/v1/memories", json!({ "content": content })).await.expect(201);
    }
    house
}

#[tokio::test]
async fn a_second_opinion_is_a_line_in_explain() {
    let house = furnished(Some(TINY_BERT)).await;
    let asked = json!({"query": "the cat on a boat", "explain": true, "rerank": true});
    // The first time each text is read, then they are remembered.
    for _ in 0..2 {
        let answer = house.post("/v1/search", asked.clone()).await.expect(200);
        assert_eq!(answer["complete"], true, "{answer}");
        let items = answer["items"].as_array().unwrap();
        assert!(items.len() >= 3, "{answer}");
        for item in items {
            let signals = item["explain"]["signals"].as_array().unwrap();
            let of = |name: &str| signals.iter().find(|signal| signal["name"] == name);
            let (value, weight) = (&of("rerank").unwrap()["value"], &of("rerank").unwrap()["weight"]);
            assert!((0.0..=1.0).contains(&value.as_f64().unwrap()) && weight.as_f64().unwrap() > 0.0);
            let sum: f64 = signals.iter().map(|signal| signal["contribution"].as_f64().unwrap()).sum();
            assert!((sum - item["explain"]["raw"].as_f64().unwrap()).abs() < 1e-4, "{item}");
        }
        assert!(items.is_sorted_by(|a, b| a["score"].as_f64() >= b["score"].as_f64()));
    }
    let plain = house.post("/v1/search", json!({"query": "cat", "explain": true})).await.expect(200);
    assert!(!plain.to_string().contains("\"rerank\""));
    let context = house.post("/v1/context", json!({"query": "the cat", "rerank": true})).await.expect(200);
    assert!(context["text"].as_str().unwrap().contains("the cat sat"), "{context}");
    assert_eq!(house.get("/v1/search?q=cat&rerank=true&limit=1").await.expect(200)["complete"], true);
    assert_eq!(
        house.post("/v1/search", json!({"query": " ", "rerank": true})).await.expect(200)["items"],
        json!([])
    );
}

#[tokio::test]
async fn where_there_is_no_second_model_nobody_is_asked() {
    let house = furnished(None).await;
    let asked = json!({"query": "cat", "rerank": true});
    let told = house.post("/v1/search", asked.clone()).await.expect_problems(&["rerank"]);
    assert!(told["message"].as_str().unwrap().contains("embedding.rerank_model"), "{told}");
    house.post("/v1/context", asked).await.expect_problems(&["rerank"]);
    house.get("/v1/search?q=cat&rerank=true").await.expect_problems(&["rerank"]);
    house.post("/v1/search", json!({"query": "cat", "rerank": "yes"})).await.expect_problems(&["rerank"]);
    house.post("/v1/search", json!({"query": "cat", "rerank": false})).await.expect(200);
}

#[tokio::test]
async fn a_damaged_second_model_stops_the_start_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(TINY_BERT).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    fs::write(folder.path().join("model.safetensors"), "not tensors").unwrap();
    for model in [folder.path(), Path::new("/nowhere")] {
        let data = tempfile::tempdir().unwrap();
        let mut config = server::config::Config::dev(data.path());
        config.embedding.rerank_model = Some(model.display().to_string());
        let error = server::app::App::open(config).await.expect_err("the model cannot be used");
        assert!(error.to_string().starts_with("embedding: "), "{error}");
    }
}
