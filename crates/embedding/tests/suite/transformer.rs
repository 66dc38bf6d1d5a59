//! A transformer of a few kilobytes against numbers computed by `tools/distill/bert.py`, and damaged in every way.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use embedding::{EmbedError, LocalConfig, LocalModel, OpenError, TextKind, Transformer, WINDOWS_MAX};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    vector: Vec<f32>,
}

/// A copy of the tiny model, removed at the end.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("engram-model-{}", stdx::random::token(12)));
        fs::create_dir_all(folder.join("1_Pooling")).unwrap();
        for name in [
            "config.json",
            "modules.json",
            "1_Pooling/config.json",
            "sentence_bert_config.json",
            "tokenizer_config.json",
            "vocab.txt",
            "model.safetensors",
        ] {
            fs::copy(tiny().join(name), folder.join(name)).unwrap();
        }
        Self(folder)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    fn replace(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.0.join(name)).unwrap();
        assert!(text.contains(old), "{name} has no {old}");
        self.write(name, text.replace(old, new));
    }

    fn model(&self) -> Transformer {
        Transformer::read("copy", &self.0).unwrap()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-bert")
}

fn embed(model: &Transformer, texts: &[&str]) -> Vec<Vec<f32>> {
    model.embed(texts, TextKind::Stored, &AtomicBool::new(false)).unwrap()
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(x, y)| x * y).sum()
}

fn check_refusal(damage: impl Fn(&Copy), said: &str) {
    let copy = Copy::new();
    damage(&copy);
    let refused = LocalModel::open(LocalConfig::new("copy", &copy.0)).unwrap_err();
    assert!(matches!(refused, OpenError::Model { .. }));
    let words = refused.to_string();
    assert!(words.contains(said), "{words:?} does not say {said:?}");
    assert!(words.contains(&*copy.0.to_string_lossy()), "{words:?} does not name the folder");
}

#[test]
fn vectors_are_those_of_the_independent_encoder() {
    let golden = fs::read(tiny().with_file_name("tiny_bert_golden.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&golden).unwrap();
    let model = Transformer::read("tiny", &tiny()).unwrap();
    let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).collect();
    let together = embed(&model, &texts);
    for (case, together) in cases.iter().zip(together) {
        let alone = embed(&model, &[&case.text]).remove(0);
        assert_eq!(alone.len(), case.vector.len());
        for ((alone, together), want) in alone.iter().zip(&together).zip(&case.vector) {
            assert!((alone - want).abs() < 2e-5, "{:?}: {alone} is not {want}", case.text);
            assert!((together - want).abs() < 2e-5, "{:?} with others: {together} is not {want}", case.text);
        }
    }
}

#[test]
fn a_long_text_is_read_in_windows_and_only_so_far() {
    let model = Transformer::read("tiny", &tiny()).unwrap();
    // A window has 14 words beside [CLS] and [SEP].
    let (cats, cars) = ("cat ".repeat(14), "car ".repeat(14));
    let apart = embed(&model, &[&cats, &cars]);
    let whole = embed(&model, &[&format!("{cats}{cars}")]).remove(0);
    let mut mean: Vec<f32> = apart[0].iter().zip(&apart[1]).map(|(x, y)| x + y).collect();
    let length = cosine(&mean, &mean).sqrt();
    mean.iter_mut().for_each(|x| *x /= length);
    assert!(cosine(&whole, &mean) > 0.9999);
    let full = "cat ".repeat(14 * WINDOWS_MAX);
    let vectors = embed(&model, &[&full, &format!("{full} banana"), &format!("banana {full}")]);
    assert_eq!(vectors[0], vectors[1]);
    assert_ne!(vectors[0], vectors[2]);
}

#[test]
fn the_same_model_has_the_same_identity_and_another_has_another() {
    let copy = Copy::new();
    let before = copy.model().identity();
    assert_eq!((before.name.as_str(), before.dimensions, before.revision.len()), ("copy", 24, 12));
    assert_eq!(Transformer::read("copy", &tiny()).unwrap().identity(), before);
    copy.replace("1_Pooling/config.json", "pooling_mode_mean_tokens", "pooling_mode_cls_token");
    assert_ne!(copy.model().identity(), before);
    let (mean, first) = (Transformer::read("tiny", &tiny()).unwrap(), copy.model());
    assert_ne!(embed(&mean, &["the cat"]), embed(&first, &["the cat"]));
}

#[test]
fn a_tokenizer_file_says_the_same_as_a_vocabulary() {
    let copy = Copy::new();
    let want = embed(&copy.model(), &["The cat purrs", "CAFÉ"]);
    let lines = fs::read_to_string(copy.0.join("vocab.txt")).unwrap();
    let vocab: serde_json::Map<_, _> =
        lines.lines().enumerate().map(|(number, piece)| (piece.to_owned(), number.into())).collect();
    let model = serde_json::json!({ "type": "WordPiece", "continuing_subword_prefix": "##", "vocab": vocab });
    let mut file = serde_json::json!({
        "model": model, "normalizer": { "type": "BertNormalizer", "lowercase": true, "strip_accents": null },
    });
    fs::remove_file(copy.0.join("vocab.txt")).unwrap();
    copy.write("tokenizer.json", file.to_string());
    assert_eq!(embed(&copy.model(), &["The cat purrs", "CAFÉ"]), want);
    // A cased model sees no words in capitals where its vocabulary has none.
    file["normalizer"]["lowercase"] = false.into();
    copy.write("tokenizer.json", file.to_string());
    assert_ne!(embed(&copy.model(), &["The cat purrs"])[0], want[0]);
}

#[test]
fn prompts_come_before_queries_and_texts() {
    let copy = Copy::new();
    let plain = embed(&copy.model(), &["query cat", "drive the cat"]);
    copy.write("config_sentence_transformers.json", r#"{"prompts": {"query": "drive ", "document": ""}}"#);
    let model = copy.model();
    let query = model.embed(&["the cat"], TextKind::Query, &AtomicBool::new(false)).unwrap().remove(0);
    assert_eq!(query, plain[1]);
    assert_ne!(embed(&model, &["the cat"])[0], query);
}

#[test]
fn damaged_folders_are_refused_in_words() {
    let gone = |name: &'static str| move |copy: &Copy| fs::remove_file(copy.0.join(name)).unwrap();
    check_refusal(gone("config.json"), "config.json is missing");
    check_refusal(gone("vocab.txt"), "vocab.txt is missing");
    check_refusal(gone("model.safetensors"), "model.safetensors is missing");
    check_refusal(|copy| fs::remove_dir_all(&copy.0).unwrap(), "no such folder");
    check_refusal(|copy| copy.write("config.json", "{"), "config.json is damaged");
    check_refusal(|copy| copy.write("config.json", "{\"model_type\": \"bert\"}"), "config.json is damaged");
    let config =
        |old: &'static str, new: &'static str| move |copy: &Copy| copy.replace("config.json", old, new);
    check_refusal(config("\"bert\"", "\"roberta\""), "only bert is read");
    check_refusal(config("\"gelu\"", "\"swish\""), "only gelu, gelu_new and relu");
    check_refusal(config("\"num_attention_heads\": 3", "\"num_attention_heads\": 5"), "5 do not divide 24");
    check_refusal(config("\"hidden_size\": 24", "\"hidden_size\": 0"), "hidden_size is 0");
    check_refusal(config("\"hidden_size\": 24", "\"hidden_size\": 99999999"), "hidden_size is 99999999");
    check_refusal(config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"), "encoder.layer.2");
    check_refusal(config("\"intermediate_size\": 40", "\"intermediate_size\": 41"), "has the shape [40, 24]");
    check_refusal(config("\"vocab_size\": 49", "\"vocab_size\": 12"), "do not belong together");
    check_refusal(
        |copy| copy.replace("1_Pooling/config.json", "24", "48"),
        "its pooling expects 48 dimensions",
    );
    check_refusal(
        |copy| copy.replace("1_Pooling/config.json", "mean_tokens", "lasttoken"),
        "not one of mean, cls or max",
    );
    check_refusal(|copy| copy.replace("modules.json", "models.Normalize", "models.Dense"), "a step Dense");
    check_refusal(
        |copy| copy.write("tokenizer.json", r#"{"model": {"type": "Unigram", "vocab": []}}"#),
        "only WordPiece is read",
    );
    check_refusal(|copy| copy.replace("vocab.txt", "[CLS]", "[cls]"), "has no [CLS]");
    check_refusal(|copy| copy.write("model.safetensors", b"12345678"), "model.safetensors is damaged");
}

#[test]
fn damaged_weights_are_refused_or_read_but_never_a_panic() {
    let whole = fs::read(tiny().join("model.safetensors")).unwrap();
    let copy = Copy::new();
    for cut in [0, 7, 8, 100, 3_000, whole.len() - 1] {
        copy.write("model.safetensors", &whole[..cut]);
        assert!(Transformer::read("copy", &copy.0).is_err(), "{cut} bytes");
    }
    let mut broken = whole.clone();
    // The last number of the last tensor becomes NaN.
    broken.splice(whole.len() - 2.., [0xff, 0x7f]);
    copy.write("model.safetensors", &broken);
    let refused = Transformer::read("copy", &copy.0).unwrap_err().to_string();
    assert!(refused.contains("not finite"), "{refused}");
    for at in (0..3_000).step_by(7) {
        let mut broken = whole.clone();
        broken[at] ^= 0x15;
        copy.write("model.safetensors", &broken);
        let _ = Transformer::read("copy", &copy.0);
    }
}

#[test]
fn a_model_of_another_width_than_asked_for_is_refused() {
    let config = LocalConfig { dimensions: Some(384), ..LocalConfig::new("tiny", tiny()) };
    let refused = LocalModel::open(config).unwrap_err().to_string();
    assert!(refused.contains("24 dimensions and embedding.dimensions says 384"), "{refused}");
}

#[tokio::test]
async fn a_deadline_ends_the_waiting_and_the_work() {
    let config = LocalConfig {
        threads: 1,
        deadline: Duration::ZERO,
        query_deadline: Duration::from_secs(60),
        ..LocalConfig::new("tiny", tiny())
    };
    let model = LocalModel::open(config).unwrap();
    let many = vec!["the cat drives a red car"; 5_000];
    let error = model.embed(&many).await.unwrap_err();
    assert_eq!(error, EmbedError::TooSlow { after: Duration::ZERO });
    // The one thread is free again: nobody works on the texts above.
    assert_eq!(model.embed_query("the cat").await.unwrap().len(), 24);
    let abandoned = AtomicBool::new(true);
    assert_eq!(model.transformer().embed(&["the cat"], TextKind::Query, &abandoned), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_at_once_get_their_own_vectors() {
    let config = LocalConfig { threads: 2, ..LocalConfig::new("tiny", tiny()) };
    let model = std::sync::Arc::new(LocalModel::open(config).unwrap());
    let words = ["cat", "dog", "car", "banana", "memory", "auto", "red", "drive"];
    let tasks = words.map(|word| {
        let model = std::sync::Arc::clone(&model);
        tokio::spawn(async move {
            let (one, other) = (vec![word; 40], model.embed_query(word).await.unwrap());
            for vector in model.embed(&one).await.unwrap() {
                assert!(cosine(&vector, &other) > 0.9999, "{word}");
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}
