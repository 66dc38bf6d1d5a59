//! Where a hit's score comes from, signal by signal.

use super::plan::Plan;
use super::rank::Ranked;
use crate::analysis;
use crate::memory::Memory;
use crate::query::{Explanation, Signal};

/// The account of one hit: its contributions add up to its raw score.
pub(super) fn explain(plan: &Plan, ranked: &Ranked, memory: &Memory) -> Explanation {
    let texts = [memory.content.as_str(), memory.actor.as_deref().unwrap_or_default()];
    let mut held: Vec<String> =
        texts.into_iter().flat_map(analysis::tokens).map(|token| token.term).collect();
    held.sort_unstable();
    let asked = plan.terms.iter().map(|asked| &asked.token.term);
    let matched = asked.filter(|term| held.binary_search(term).is_ok());
    Explanation {
        raw: shown(ranked.raw),
        matched_terms: matched.cloned().collect(),
        signals: ranked.signals.named(&plan.weights).map(signal).to_vec(),
        repeats: None,
    }
}

/// Name, value and weight as one line of the account.
pub(super) fn signal((name, value, weight): (&'static str, f32, f32)) -> Signal {
    Signal { name, value: shown(value), weight: shown(weight), contribution: shown(value * weight) }
}

/// A number as people read it: six decimals, not the tail of its binary form.
fn shown(number: f32) -> f64 {
    (f64::from(number) * 1e6).round() / 1e6
}
