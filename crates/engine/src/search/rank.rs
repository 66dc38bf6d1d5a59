//! The ranking on one screen: candidates by words and meaning, their facts, then what they say of each other.

use super::candidates::candidates;
use super::facts::with_facts;
use super::feedback::look_alike;
use super::gather::Scratch;
use super::neighbours::share_meaning;
use super::plan::Plan;
use super::session::help_each_other;
use super::weights::{Signals, Weights};
use crate::index::{Index, Slot};

/// Candidates ranked for each hit asked for; the filter may refuse some.
const RANKED_PER_HIT: usize = 20;
/// Fewest candidates whose neighbours and sessions are looked at: more than any question has answers.
const RANKED_MIN: usize = 500;

/// One candidate, its raw score and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    pub(super) slot: Slot,
    pub(super) raw: f32,
    pub(super) signals: Signals,
}

impl Ranked {
    /// Order of the ranking. The newer memory wins a tie: it is the likelier to still be true.
    pub(super) fn best_first(a: &Self, b: &Self) -> std::cmp::Ordering {
        b.raw.total_cmp(&a.raw).then(b.slot.cmp(&a.slot))
    }
}

/// The best candidates, best first. `allowed` restricts them by slot.
pub(super) fn rank(
    index: &Index,
    plan: &Plan,
    scratch: &Scratch,
    allowed: Option<&[bool]>,
    now_ms: i64,
    limit: usize,
) -> Vec<Ranked> {
    let weights = Weights::of(plan.ranking);
    let keep = limit.saturating_mul(RANKED_PER_HIT).max(RANKED_MIN);
    let admits =
        |slot: Slot| index.is_live(slot, now_ms) && allowed.is_none_or(|allowed| allowed[slot as usize]);
    let mut ranked = candidates(plan, scratch, keep, limit, admits);
    for candidate in &mut ranked {
        candidate.signals = with_facts(candidate.signals, index.fact(candidate.slot), plan, now_ms);
        candidate.raw = candidate.signals.sum(weights);
    }
    if ranked.len() > keep {
        ranked.select_nth_unstable_by(keep, Ranked::best_first);
        ranked.truncate(keep);
    }
    share_meaning(index, &scratch.cosines, &mut ranked, weights);
    look_alike(index, &mut ranked, weights);
    help_each_other(index, &mut ranked, weights);
    ranked.sort_unstable_by(Ranked::best_first);
    ranked
}
