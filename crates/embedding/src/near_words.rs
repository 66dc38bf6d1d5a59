//! Words near in meaning to a word, from a table made ahead: "car" is near to "automobile" and "vehicle".
//!
//! English, from the vectors of the built-in model (`examples/near_words.rs` makes the file). What words are
//! near to each other does not depend on the model that embeds texts, so the table serves beside any of them
//! that reads English.
//!
//! `b"NEARWRD1" | u32 lines | u8 count[lines] | (u16 line, u8 cosine * 255)...`, little endian: the near words
//! of line 0 of the vocabulary, nearest first, then those of line 1, and so on.

use std::sync::LazyLock;

use crate::static_model::StaticModel;

const FILE: &[u8] = include_bytes!("../assets/near-words.bin");
const HEADER_BYTES: usize = 12;
const ENTRY_BYTES: usize = 3;

/// A word near in meaning to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearWord {
    /// The word, in lower case.
    pub word: &'static str,
    /// Cosine of the two words' vectors, 0.6 to 1.
    pub cosine: f32,
}

/// The words near in meaning to `word` (in lower case), nearest first, one of each stem, at most eight; none for
/// words the English vocabulary does not have whole, and for those that say nothing alone ("the", "what").
pub fn near_words(word: &str) -> impl Iterator<Item = NearWord> + use<> {
    let vocabulary = StaticModel::shared().wordpiece().vocabulary();
    entries(vocabulary.whole(word)).iter().filter_map(move |[low, high, cosine]| {
        let line = u32::from(u16::from_le_bytes([*low, *high]));
        Some(NearWord { word: vocabulary.piece(line)?, cosine: f32::from(*cosine) / 255.0 })
    })
}

/// The entries of a line of the vocabulary.
fn entries(line: Option<u32>) -> &'static [[u8; ENTRY_BYTES]] {
    /// Where each line's entries start, and one past the last line's.
    static STARTS: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let mut starts = vec![0];
        let mut end = 0;
        starts.extend(counts().iter().map(|count| {
            end += u32::from(*count);
            end
        }));
        starts
    });
    let of_line = |line: u32| {
        let (start, end) = (STARTS.get(line as usize)?, STARTS.get(line as usize + 1)?);
        let (entries, _) = FILE[HEADER_BYTES + counts().len()..].as_chunks::<ENTRY_BYTES>();
        entries.get(*start as usize..*end as usize)
    };
    line.and_then(of_line).unwrap_or_default()
}

/// Entries of each line; the file is part of the program, and a test shows that it is whole.
fn counts() -> &'static [u8] {
    let lines = u32::from_le_bytes([FILE[8], FILE[9], FILE[10], FILE[11]]) as usize;
    &FILE[HEADER_BYTES..HEADER_BYTES + lines]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_binary_is_whole() {
        assert!(FILE.starts_with(b"NEARWRD1"));
        assert_eq!(counts().len(), StaticModel::shared().wordpiece().vocabulary().len());
        let entries: usize = counts().iter().map(|count| usize::from(*count)).sum();
        assert_eq!(FILE.len(), HEADER_BYTES + counts().len() + entries * ENTRY_BYTES);
    }

    #[test]
    fn the_table_says_what_the_vectors_say() {
        let model = StaticModel::shared();
        let vocabulary = model.wordpiece().vocabulary();
        let mut checked = 0;
        for line in (0..30_522).step_by(97) {
            let Some(word) = vocabulary.piece(line).filter(|word| !word.starts_with("##")) else { continue };
            let vector = model.embed(word);
            let mut last = 1.0;
            for near in near_words(word) {
                let other = model.embed(near.word);
                let cosine: f32 = vector.iter().zip(&other).map(|(a, b)| a * b).sum();
                assert!((cosine - near.cosine).abs() < 0.003, "{word} {near:?} {cosine}");
                assert!(near.cosine <= last && near.word != word);
                last = near.cosine;
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked}");
    }

    #[test]
    fn everyday_words_have_neighbours_and_question_words_have_none() {
        let check = |word: &str, want: &[&str]| {
            let found: Vec<_> = near_words(word).map(|near| near.word).collect();
            for wanted in want {
                assert!(found.contains(wanted), "{word}: {found:?}");
            }
            assert!(!want.is_empty() || found.is_empty(), "{word}: {found:?}");
        };
        check("car", &["automobile", "vehicle"]);
        check("beach", &["seaside", "shore"]);
        check("job", &["employment"]);
        for none in ["what", "the", "", "##ing", "[unk]", "xyzzyx", "two words", "Car"] {
            check(none, &[]);
        }
    }
}
