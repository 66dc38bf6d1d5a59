//! Numbers computed elsewhere: pieces by the `tokenizers` library, vectors by `tools/distill/check_table.py`.

use std::path::PathBuf;

use embedding::{OpenError, StaticModel};
use serde::Deserialize;

#[derive(Deserialize)]
struct PiecesCase {
    text: String,
    pieces: Vec<u32>,
}

#[derive(Deserialize)]
struct VectorCase {
    text: String,
    pieces: Vec<u32>,
    first: Vec<f32>,
    length: f32,
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> Vec<T> {
    serde_json::from_slice(&std::fs::read(data(name)).unwrap()).unwrap()
}

fn tiny() -> StaticModel {
    StaticModel::read("tiny", &data("tiny-table.bin"), &data("tiny-vocab.txt")).unwrap()
}

fn check_vectors(model: &StaticModel, cases: &str) {
    for case in read::<VectorCase>(cases) {
        assert_eq!(model.wordpiece().pieces(&case.text), case.pieces, "{:?}", case.text);
        let vector = model.embed(&case.text);
        for (got, want) in vector.iter().zip(&case.first) {
            assert!(
                (got - want).abs() < 1e-5,
                "{:?}: {vector:?} does not begin with {:?}",
                case.text,
                case.first
            );
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let expected = if case.length > 0.0 { 1.0 } else { 0.0 };
        assert!((length - expected).abs() < 1e-5, "{:?} has length {length}", case.text);
    }
}

fn cosine(one: &str, other: &str) -> f32 {
    let model = StaticModel::shared();
    model.embed(one).iter().zip(model.embed(other)).map(|(x, y)| x * y).sum()
}

#[test]
fn pieces_are_those_of_the_reference_tokenizer() {
    let model = StaticModel::shared();
    for case in read::<PiecesCase>("wordpiece_golden.json") {
        assert_eq!(model.wordpiece().pieces(&case.text), case.pieces, "{:?}", case.text);
    }
}

#[test]
fn vectors_are_those_of_the_independent_reader() {
    check_vectors(StaticModel::shared(), "static_golden.json");
    check_vectors(&tiny(), "tiny_golden.json");
}

#[test]
fn near_meanings_have_near_vectors() {
    for (text, near, far) in [
        ("car", "automobile", "banana"),
        ("the deploy failed", "the release broke production", "we had soup for lunch"),
        ("she lives in Paris", "her home is in France", "the function returns an error"),
    ] {
        assert!(
            cosine(text, near) > cosine(text, far) + 0.1,
            "{text}: {} {}",
            cosine(text, near),
            cosine(text, far)
        );
    }
}

#[test]
fn a_distilled_table_has_an_identity_of_its_own() {
    let identity = tiny().identity();
    assert_eq!((identity.name.as_str(), identity.dimensions), ("tiny", 8));
    assert_eq!(identity.revision.len(), 12);
    let built_in = StaticModel::shared().identity();
    assert_eq!((built_in.name.as_str(), built_in.dimensions), ("static-minilm256-i8", 256));
    assert_ne!(identity.revision, built_in.revision);
}

#[test]
fn a_table_with_another_vocabulary_is_refused() {
    let other = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/minilm-vocab.txt");
    let refused = StaticModel::read("tiny", &data("tiny-table.bin"), &other).unwrap_err();
    assert!(matches!(refused, OpenError::NotAPair { rows: 16, lines: 30_522 }), "{refused}");
    let missing = StaticModel::read("tiny", &data("nowhere.bin"), &other).unwrap_err();
    assert!(missing.to_string().contains("nowhere.bin"), "{missing}");
}
