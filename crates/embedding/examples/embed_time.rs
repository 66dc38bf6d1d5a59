//! How long the built-in model takes for a text, and how long its first use: `cargo run --release -p embedding --example embed_time`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::hint::black_box;
use std::time::Instant;

use embedding::{StaticModel, WordPiece};

const TEXTS: &[(&str, &str)] = &[
    ("6 words", "where does Priya live these days"),
    (
        "20 words",
        "The deploy failed twice on Tuesday because the certificate had expired, so Priya rolled it back and told the team.",
    ),
    (
        "accents",
        "Zoë and José flew from São Paulo to Kraków, naïvely hoping the café would still serve crêpes on Monday.",
    ),
    ("CJK", "東京タワーは高い。京都へ行く"),
];
const ROUNDS: u32 = 20_000;

fn main() {
    let started = Instant::now();
    black_box(StaticModel::shared());
    println!("first use      {:>8.1} us", started.elapsed().as_secs_f64() * 1e6);
    let model = StaticModel::shared();
    let wordpiece: &WordPiece = model.wordpiece();
    for (name, text) in TEXTS {
        let cut = each(|| drop(black_box(wordpiece.pieces(black_box(text)))));
        let whole = each(|| drop(black_box(model.embed(black_box(text)))));
        println!(
            "{name:<14} {whole:>8.2} us, of which {cut:.2} us to cut {} pieces",
            wordpiece.pieces(text).len()
        );
    }
}

/// Mean microseconds of one call.
fn each(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}
