//! What the length of a memory does to its words and to its vector. Short memories are all alike: a short one
//! is not better for being short. A long one holds any word more easily, and its vector is a blur of all it says.

use crate::query::Ranking;

/// A memory of more words than this is long: some five sentences.
const LONG_TOKENS: f32 = 80.0;
/// BM25's length normalisation, of long memories only.
const B: f32 = 0.3;
/// The baseline's length normalisation; the value of Lucene and FTS5.
const B_BASELINE: f32 = 0.75;
/// BM25's term saturation; the value of Lucene and FTS5.
const K1: f32 = 1.2;

/// BM25's length factor: 1 for a memory that is not long, more for a long one.
fn breadth(tokens: u32) -> f32 {
    1.0 - B + B * (tokens as f32 / LONG_TOKENS).max(1.0)
}

/// The most that [`breadth_share`] gives: the baseline's, to a memory of hardly a word.
const BREADTH_SHARE_MAX: f32 = (K1 + 1.0) / (1.0 + K1 * (1.0 - B_BASELINE));

/// The most that [`breadth_share`] gives with this ranking.
pub(super) fn breadth_share_most(ranking: Ranking) -> f32 {
    match ranking {
        Ranking::Hybrid => 1.0,
        Ranking::Bm25 => BREADTH_SHARE_MAX,
    }
}

/// What BM25 leaves of a hit in a memory of `tokens` words, for a term that counts once (its `tf` is 1).
pub(super) fn breadth_share(ranking: Ranking, tokens: u32, mean_tokens: f32) -> f32 {
    let length = match ranking {
        Ranking::Hybrid if tokens as f32 <= LONG_TOKENS => return 1.0,
        Ranking::Hybrid => breadth(tokens),
        Ranking::Bm25 => 1.0 - B_BASELINE + B_BASELINE * tokens as f32 / mean_tokens,
    };
    (K1 + 1.0) / (1.0 + K1 * length)
}

/// How much a memory's vector tells: 1 for one that is not long, less for a long one.
pub(super) fn clarity(tokens: u32) -> f32 {
    (LONG_TOKENS / tokens.max(1) as f32).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_memories_are_judged_by_their_length() {
        for tokens in [0, 1, 40, 80] {
            assert_eq!((breadth(tokens), clarity(tokens)), (1.0, 1.0));
        }
        assert!(breadth(160) > 1.0 && breadth(1_600) > breadth(160));
        assert_eq!(clarity(160), 0.5);
        let share = |tokens| breadth_share(Ranking::Hybrid, tokens, 9.0);
        assert_eq!((share(1), share(80)), (1.0, 1.0));
        assert!(breadth_share(Ranking::Bm25, 0, 9.0) <= BREADTH_SHARE_MAX);
        assert!(share(81) < 1.0 && share(1_600) < share(160));
    }
}
