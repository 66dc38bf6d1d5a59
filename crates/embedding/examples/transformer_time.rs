//! How long a transformer takes to load and to embed, beside the static model, and how near it comes to `tools/distill/bert.py`:
//! `transformer_time FOLDER TEXTS`, one text a line, or `transformer_time FOLDER GOLDEN.json`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use embedding::{StaticModel, TextKind, Transformer};
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
        let never = AtomicBool::new(false);
        let embed = |texts: &[&str]| model.embed(texts, TextKind::Stored, &never).is_some();
        show(&format!("transformer, {together} at once"), texts, together, embed)?;
    }
    let built_in = StaticModel::shared();
    show("static, 16 at once", texts, 16, |texts| {
        texts.iter().all(|text| built_in.embed(text).iter().all(|component| component.is_finite()))
    })
}

/// What each text takes, of the clock and of the processor.
fn show(
    name: &str,
    texts: &[&str],
    together: usize,
    embed: impl Fn(&[&str]) -> bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let busy = processor_ms()?;
    let mut each: Vec<f64> = Vec::new();
    for texts in texts.chunks(together) {
        let started = Instant::now();
        if !embed(texts) {
            return Err("abandoned".into());
        }
        each.push(started.elapsed().as_secs_f64() * 1e3 / texts.len() as f64);
    }
    let busy = (processor_ms()? - busy) / texts.len().max(1) as f64;
    each.sort_by(f64::total_cmp);
    let (best, median) = (each.first().ok_or("no texts")?, each[each.len() / 2]);
    println!("{name}: {best:.4} ms each at best, {median:.4} in the median; {busy:.4} ms of the processor");
    Ok(())
}

/// Time that this thread had a processor (Linux), in milliseconds: on a busy machine the clock tells more.
fn processor_ms() -> Result<f64, Box<dyn std::error::Error>> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(told.split_whitespace().next().ok_or("no figures")?.parse::<f64>()? / 1e6)
}
