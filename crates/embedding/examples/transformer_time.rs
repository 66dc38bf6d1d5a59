//! How long a transformer takes to load and to embed, and how near it comes to `tools/distill/bert.py`:
//! `transformer_time FOLDER TEXTS`, one text a line, or `transformer_time FOLDER GOLDEN.json`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use embedding::{TextKind, Transformer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    text: String,
    vector: Vec<f32>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(folder), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: transformer_time FOLDER TEXTS|GOLDEN.json".into());
    };
    let started = Instant::now();
    let model = Transformer::read("measured", &folder)?;
    println!("{model:?} loaded in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    let content = std::fs::read_to_string(&file)?;
    if file.extension().is_some_and(|extension| extension == "json") {
        agree(&model, &serde_json::from_str::<Vec<Golden>>(&content)?)
    } else {
        time(&model, &content.lines().collect::<Vec<_>>())
    }
}

fn agree(model: &Transformer, golden: &[Golden]) -> Result<(), Box<dyn std::error::Error>> {
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let vectors = model.embed(&texts, TextKind::Stored, &AtomicBool::new(false)).ok_or("abandoned")?;
    let pairs = vectors.iter().zip(golden).flat_map(|(vector, golden)| vector.iter().zip(&golden.vector));
    let furthest = pairs.fold(0f32, |furthest, (got, want)| furthest.max((got - want).abs()));
    println!("{} texts agree within {furthest:.1e} a component", golden.len());
    Ok(())
}

fn time(model: &Transformer, texts: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    let pieces: usize = texts.iter().map(|text| model.wordpiece().pieces(text).len()).sum();
    println!("{} texts of {:.0} pieces", texts.len(), pieces as f64 / texts.len() as f64);
    for together in [1, 16] {
        let mut each: Vec<f64> = Vec::new();
        for texts in texts.chunks(together) {
            let started = Instant::now();
            model.embed(texts, TextKind::Stored, &AtomicBool::new(false)).ok_or("abandoned")?;
            each.push(started.elapsed().as_secs_f64() * 1e3 / texts.len() as f64);
        }
        each.sort_by(f64::total_cmp);
        println!(
            "{together} at once: {:.2} ms each at best, {:.2} in the median",
            each[0],
            each[each.len() / 2]
        );
    }
    Ok(())
}
