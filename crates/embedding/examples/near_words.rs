//! Writes the table of near words beside the embedding table they come from:
//! `cargo run -p embedding --example near_words -- crates/embedding/assets/near-words.bin` (a minute).
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::path::PathBuf;

use embedding::StaticModel;
use rust_stemmers::{Algorithm, Stemmer};

/// Fewest letters of a word worth a neighbour.
const LETTERS_MIN: usize = 3;
/// Words less alike than this mean something else.
const COSINE_MIN: f32 = 0.6;
/// Words listed for one word, the nearest first.
const NEAR_MAX: usize = 8;
/// Words that say nothing alone, so nothing is near to them.
const STOP_WORDS: &str = include_str!("stop_words.txt");

/// A whole word of the vocabulary.
struct Word {
    line: u16,
    stem: String,
    vector: Vec<f32>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path: PathBuf = std::env::args_os().nth(1).ok_or("name the file to write")?.into();
    let vocabulary = StaticModel::shared().wordpiece().vocabulary();
    let words = words()?;
    let mut counts = vec![0u8; vocabulary.len()];
    let mut entries = Vec::new();
    for word in &words {
        let near = near(word, &words);
        counts[usize::from(word.line)] = u8::try_from(near.len())?;
        for (line, cosine) in near {
            entries.extend(line.to_le_bytes());
            entries.push((cosine * 255.0).round() as u8);
        }
    }
    let mut bytes = b"NEARWRD1".to_vec();
    bytes.extend(u32::try_from(counts.len())?.to_le_bytes());
    bytes.extend(counts);
    bytes.extend(&entries);
    std::fs::write(&path, &bytes)?;
    println!(
        "{}: {} words, {} near words, {} bytes",
        path.display(),
        words.len(),
        entries.len() / 3,
        bytes.len()
    );
    Ok(())
}

fn words() -> Result<Vec<Word>, std::num::TryFromIntError> {
    let model = StaticModel::shared();
    let stemmer = Stemmer::create(Algorithm::English);
    let vocabulary = model.wordpiece().vocabulary();
    let mut words = Vec::new();
    for line in 0..u32::try_from(vocabulary.len())? {
        let Some(text) = vocabulary.piece(line) else { continue };
        let is_word = text.len() >= LETTERS_MIN && text.bytes().all(|b| b.is_ascii_lowercase());
        if is_word && !STOP_WORDS.lines().any(|stop| stop == text) {
            let stem = stemmer.stem(text).into_owned();
            words.push(Word { line: u16::try_from(line)?, stem, vector: model.embed(text) });
        }
    }
    Ok(words)
}

/// The nearest words of other stems, one of each stem.
fn near(word: &Word, words: &[Word]) -> Vec<(u16, f32)> {
    let cosine = |other: &Word| word.vector.iter().zip(&other.vector).map(|(a, b)| a * b).sum::<f32>();
    let mut all: Vec<(&Word, f32)> = words
        .iter()
        .map(|other| (other, cosine(other)))
        .filter(|(_, cosine)| *cosine >= COSINE_MIN)
        .collect();
    all.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.line.cmp(&b.line)));
    let mut near: Vec<(&Word, f32)> = Vec::new();
    for (other, cosine) in all {
        let known = other.stem == word.stem || near.iter().any(|(known, _)| known.stem == other.stem);
        if !known && near.len() < NEAR_MAX {
            near.push((other, cosine));
        }
    }
    near.into_iter().map(|(other, cosine)| (other.line, cosine)).collect()
}
