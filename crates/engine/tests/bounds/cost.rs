//! What a create costs; run by hand on two versions to compare them.

use std::time::Instant;

use crate::{bench, text};
use engine::Bounds;

#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "a measurement is read by people")]
fn creates_per_second() {
    let bench = bench();
    let content =
        |n: usize| format!("memory {n} of a dog that sleeps in the {}th house by the river", n % 97);
    for (name, rows, calls) in [("one", 1, 20_000), ("batch of 100", 100, 100)] {
        let mut best = f64::MAX;
        for round in 0..5 {
            let started = Instant::now();
            for call in 0..calls / 5 {
                let rows = (0..rows).map(|row| text(&content(round * calls + call * rows + row))).collect();
                bench.add(rows, Bounds::NONE).unwrap();
            }
            best = best.min(started.elapsed().as_secs_f64() * 1e6 / (calls / 5 * rows) as f64);
        }
        println!("{name}: {best:.1} us a memory");
    }
}
