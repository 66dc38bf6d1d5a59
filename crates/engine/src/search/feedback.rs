//! A second hop: what the best memories so far have in common is what the question is about, in the store's own
//! words. Source: J. J. Rocchio, "Relevance feedback in information retrieval", 1971.

use super::candidates::View;
use super::codes::Codes;
use super::plan::Plan;
use super::rank::Ranked;
use crate::index::Index;
use crate::vector::{Quantized, dot};

/// Memories whose mean is looked for.
const BEST: usize = 3;

/// Fills `alike` of every candidate: its cosine with the mean vector of the best ones.
pub(super) fn look_alike(view: View<'_>, codes: &Codes, ranked: &mut [Ranked]) {
    let (index, Plan { weights, lengths, .. }) = (view.index, view.plan);
    if weights.alike == 0.0 || ranked.len() <= BEST {
        return;
    }
    ranked.select_nth_unstable_by(BEST - 1, Ranked::best_first);
    let Some(mean) = mean(index, codes, &ranked[..BEST]) else { return };
    for candidate in ranked {
        if let Some((scale, codes)) = codes.get(index, candidate.slot) {
            let cosine = (dot(&mean.codes, codes) as f32 * scale * mean.scale).max(0.0);
            candidate.signals.alike = cosine * lengths.clarity(index, candidate.slot);
            candidate.raw += candidate.signals.alike * weights.alike;
        }
    }
}

fn mean(index: &Index, codes: &Codes, best: &[Ranked]) -> Option<Quantized> {
    let mut sum: Vec<f32> = Vec::new();
    for (scale, codes) in best.iter().filter_map(|candidate| codes.get(index, candidate.slot)) {
        sum.resize(codes.len(), 0.0);
        for (sum, code) in sum.iter_mut().zip(codes) {
            *sum += scale * f32::from(*code);
        }
    }
    Some(Quantized::of(&sum)).filter(|mean| mean.scale > 0.0)
}
