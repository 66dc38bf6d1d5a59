//! What the length of a memory does to its words and to its vector. Short memories are all alike: a short one
//! is not better for being short. A long one holds any word more easily, and its vector is a blur of all it says.

/// A memory of more words than this is long: some five sentences.
const LONG_TOKENS: f32 = 80.0;
/// BM25's length normalisation, of long memories only.
const B: f32 = 0.3;

/// BM25's length factor: 1 for a memory that is not long, more for a long one.
pub(super) fn breadth(tokens: u32) -> f32 {
    1.0 - B + B * (tokens as f32 / LONG_TOKENS).max(1.0)
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
    }
}
