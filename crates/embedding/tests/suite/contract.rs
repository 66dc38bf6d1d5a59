//! What every provider promises, tried on each.

use embedding::{Embedding, EmbeddingConfig, Health, LocalConfig};
use stdx::clock::SystemClock;

use crate::endpoint::{HonestAnswer, config, remote, server};

async fn check(provider: &Embedding) {
    assert_eq!(provider.embed(&[]).await.unwrap(), Vec::<Vec<f32>>::new(), "no texts, no vectors");

    let identity = provider.learn_identity().await.unwrap();
    assert_eq!(provider.identity(), Some(identity.clone()));
    assert!(!identity.name.is_empty() && !identity.revision.is_empty());

    let texts = ["a red car", "", "an automobile", "\0 \n", "a banana", "東京 😀 ok", "a red car"];
    let vectors = provider.embed(&texts).await.unwrap();
    assert_eq!(vectors.len(), texts.len());
    for (text, vector) in texts.iter().zip(&vectors) {
        assert_eq!(vector.len(), identity.dimensions, "{text:?}");
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let expected = if text.trim_matches(['\0', ' ', '\n']).is_empty() { 0.0 } else { 1.0 };
        assert!((length - expected).abs() < 1e-4, "{text:?} has length {length}");
    }
    let cosine =
        |one: usize, other: usize| vectors[one].iter().zip(&vectors[other]).map(|(x, y)| x * y).sum::<f32>();
    assert!(cosine(0, 6) > 0.999, "the same text twice");
    assert!(cosine(0, 2) > cosine(0, 4), "order is kept");

    let query = provider.embed_query(texts[0]).await.unwrap();
    assert_eq!(query, vectors[0], "queries and memories live in one space");
    assert_eq!(provider.embed_query(texts[0]).await.unwrap(), query, "asked again");
    if let Some(now) = provider.embed_now(texts[0]) {
        assert_eq!(now, query);
    }

    let many: Vec<String> = (0..250).map(|n| format!("memory number {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let vectors = provider.embed(&many).await.unwrap();
    assert_eq!(vectors.len(), 250);
    assert_eq!(vectors[249], provider.embed_query(many[249]).await.unwrap());
    assert_eq!(provider.health(), Health::Up);
}

#[tokio::test]
async fn the_built_in_model_keeps_the_contract() {
    check(&Embedding::built_in()).await;
    check(&Embedding::open(EmbeddingConfig::default(), SystemClock::shared()).unwrap()).await;
}

#[tokio::test]
async fn a_model_from_files_keeps_the_contract() {
    let assets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let config = EmbeddingConfig::StaticFiles {
        name: "from-files".to_owned(),
        table: assets.join("static-minilm256-i8.bin"),
        vocabulary: assets.join("minilm-vocab.txt"),
    };
    let provider = Embedding::open(config, SystemClock::shared()).unwrap();
    check(&provider).await;
    assert_eq!(provider.identity().unwrap().revision, Embedding::built_in().identity().unwrap().revision);
}

#[tokio::test]
async fn a_transformer_keeps_the_contract() {
    let config = EmbeddingConfig::Local(LocalConfig::new("tiny", crate::transformer::tiny()));
    let provider = Embedding::open(config, SystemClock::shared()).unwrap();
    assert_eq!(provider.embed_now("a red car"), None, "it takes milliseconds");
    check(&provider).await;
}

#[tokio::test]
async fn a_remote_model_keeps_the_contract() {
    let server = server(0, HonestAnswer).await;
    let (provider, _clock) = remote(config(&server.uri()));
    assert_eq!(provider.identity(), None, "dimensions are not known before the first answer");
    assert_eq!(provider.embed_now("a red car"), None);
    check(&provider).await;
}
