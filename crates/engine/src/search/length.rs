//! What the length of a memory does to its words and to its vector. Short memories are all alike: a short one is not
//! better for being short. A long turn of a conversation holds any word more easily, and its vector is a blur of all it
//! says; a text that stands alone is as long as it has to be.

use crate::analysis::Writing;
use crate::index::{Index, NONE, Slot};
use crate::query::Ranking;

/// A turn of more words than this is long: some eight sentences.
const LONG_TOKENS: f32 = 120.0;
/// BM25's length normalisation, of long turns only.
const B: f32 = 0.3;
/// The same where characters and pairs of them are the words: some ten characters, and any text of more holds one of a
/// query's by chance.
const LONG_CHARACTER_TOKENS: f32 = 20.0;
const B_OF_CHARACTERS: f32 = 0.5;
/// The baseline's length normalisation; the value of Lucene and FTS5.
const B_BASELINE: f32 = 0.75;
/// BM25's term saturation; the value of Lucene and FTS5.
const K1: f32 = 1.2;

/// How the length of memories is judged in one search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Lengths {
    /// Turns beyond a length.
    OfTurns,
    /// Every memory beyond a length; `is_known` where the model of the vectors knows the writing.
    OfCharacters { is_known: bool },
    /// Beside the mean: the baseline.
    BesideMean { mean_tokens: f32 },
}

impl Lengths {
    pub(super) fn of(ranking: Ranking, writing: Writing, is_known: bool, mean_tokens: f32) -> Self {
        match (ranking, writing) {
            (Ranking::Bm25, _) => Self::BesideMean { mean_tokens },
            (Ranking::Hybrid, Writing::Words) => Self::OfTurns,
            (Ranking::Hybrid, Writing::Characters) => Self::OfCharacters { is_known },
        }
    }

    /// What BM25 leaves of a hit in the memory, for a term that counts once (its `tf` is 1).
    pub(super) fn share(self, index: &Index, slot: Slot) -> f32 {
        let tokens = index.traits(slot).tokens() as f32;
        match self {
            Self::OfTurns if is_long_turn(index, slot, tokens) => left(B, tokens / LONG_TOKENS),
            Self::OfTurns => 1.0,
            Self::OfCharacters { .. } => left(B_OF_CHARACTERS, (tokens / LONG_CHARACTER_TOKENS).max(1.0)),
            Self::BesideMean { mean_tokens } => left(B_BASELINE, tokens / mean_tokens),
        }
    }

    /// The most that [`share`](Self::share) gives: the baseline's, to a memory of hardly a word.
    pub(super) fn share_most(self) -> f32 {
        match self {
            Self::OfTurns | Self::OfCharacters { .. } => 1.0,
            Self::BesideMean { .. } => left(B_BASELINE, 0.0),
        }
    }

    /// How much the memory's vector tells: 1 where it is not long, less where it is.
    pub(super) fn clarity(self, index: &Index, slot: Slot) -> f32 {
        let tokens = index.traits(slot).tokens().max(1) as f32;
        match self {
            Self::OfTurns | Self::OfCharacters { is_known: true } if is_long_turn(index, slot, tokens) => {
                LONG_TOKENS / tokens
            }
            Self::OfTurns | Self::OfCharacters { is_known: true } => 1.0,
            Self::OfCharacters { is_known: false } => (LONG_CHARACTER_TOKENS / tokens).min(1.0),
            Self::BesideMean { .. } => 1.0,
        }
    }
}

/// BM25's saturation of one hit in a memory `length` times as long as an ordinary one.
fn left(b: f32, length: f32) -> f32 {
    (K1 + 1.0) / (1.0 + K1 * (1.0 - b + b * length))
}

/// Whether it is long, and others of its session are before or after it. How far away they are tells nothing: that was
/// tried, and long answers that stood among the turns they belong to were taken for texts of their own.
fn is_long_turn(index: &Index, slot: Slot, tokens: f32) -> bool {
    let stands_alone = || {
        let place = index.place(slot);
        place.before == NONE && place.after == NONE
    };
    tokens > LONG_TOKENS && !stands_alone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Fact, IndexChange, Sizes};

    /// Two turns of one session and a text that stands alone, all of so many words.
    fn index(tokens: u32) -> Index {
        let mut index = Index::empty(None, 0, Sizes::default());
        for (id, session) in [(1, 7), (2, 7), (3, 0)] {
            let fact = Fact {
                tokens,
                stated: tokens,
                session,
                position: id as u32 * 100,
                actor: 0,
                at_ms: 0,
                expires_ms: i64::MAX,
                importance: 0.5,
            };
            index.apply(IndexChange::Put { id, fact });
        }
        index
    }

    /// Share and clarity of a turn and of a text that stands alone.
    fn judged(lengths: Lengths, tokens: u32) -> [(f32, f32); 2] {
        let index = index(tokens);
        [0, 2].map(|slot| (lengths.share(&index, slot), lengths.clarity(&index, slot)))
    }

    #[test]
    fn only_long_turns_are_judged_by_their_length() {
        for tokens in [0, 1, 40, 120] {
            assert_eq!(judged(Lengths::OfTurns, tokens), [(1.0, 1.0); 2], "{tokens}");
        }
        let [(long, clarity), alone] = judged(Lengths::OfTurns, 240);
        let [(longer, _), _] = judged(Lengths::OfTurns, 2_400);
        assert!(long < 1.0 && longer < long);
        assert_eq!((clarity, alone), (0.5, (1.0, 1.0)));
    }

    #[test]
    fn where_characters_are_words_every_text_is_judged() {
        let [strange, known] = [false, true].map(|is_known| Lengths::OfCharacters { is_known });
        assert_eq!(judged(strange, 20), [(1.0, 1.0); 2]);
        let [turn, alone] = judged(strange, 40);
        assert_eq!(turn, alone);
        assert!(turn.0 < 1.0 && turn.1 == 0.5);
        // What a model says that knows the writing is believed.
        assert_eq!(judged(known, 40), [(turn.0, 1.0); 2]);
    }

    #[test]
    fn the_baseline_judges_beside_the_mean() {
        let baseline = Lengths::BesideMean { mean_tokens: 9.0 };
        let share = |tokens| judged(baseline, tokens)[0].0;
        assert!(share(0) <= baseline.share_most() && share(9) == 1.0 && share(90) < share(10));
    }
}
