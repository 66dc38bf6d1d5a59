//! How many tokens a text is to a language model: an estimate, because every model cuts text in its own way.

use std::ops::ControlFlow;

use crate::static_model::StaticModel;
use crate::wordpiece::WORD_CHARS_MAX;

/// What WordPiece calls one unknown thing (signs, other scripts, blobs without spaces) other tokenizers cut into pieces
/// of about this many bytes.
const BYTES_PER_UNKNOWN_TOKEN: usize = 3;

/// How many tokens `text` is, by the built-in vocabulary of 30,522 pieces. Additive over words: the estimate of a text
/// is the sum of those of its words.
pub fn estimate_tokens(text: &str) -> usize {
    text.split_whitespace().map(of_word).sum()
}

/// The longest start of `text` that is at most `tokens` long, cut between words where there are any.
pub fn first_tokens(text: &str, tokens: usize) -> &str {
    let mut left = tokens;
    let mut end = 0;
    for word in text.split_whitespace() {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        match left.checked_sub(of_word(word)) {
            Some(rest) => {
                left = rest;
                end = start + word.len();
            }
            None if end == 0 => return &text[..start + characters(word, left)],
            None => break,
        }
    }
    &text[..end]
}

fn of_word(word: &str) -> usize {
    let mut pieces = 0;
    StaticModel::shared().wordpiece().visit(word, |_| {
        pieces += 1;
        ControlFlow::Continue(())
    });
    if word.is_ascii() && word.len() <= WORD_CHARS_MAX {
        pieces
    } else {
        pieces.max(word.len().div_ceil(BYTES_PER_UNKNOWN_TOKEN))
    }
}

/// Bytes of the first characters of a word that are at most `tokens` tokens together.
fn characters(word: &str, tokens: usize) -> usize {
    let ends: Vec<usize> = word.char_indices().map(|(at, character)| at + character.len_utf8()).collect();
    let fitting = ends.partition_point(|end| of_word(&word[..*end]) <= tokens);
    fitting.checked_sub(1).map_or(0, |last| ends[last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_as_their_pieces_and_what_is_unknown_by_its_length() {
        for (text, tokens) in [
            ("", 0),
            (" \n\t", 0),
            ("The release is announced on Fridays.", 7),
            ("embeddings", 4),
            ("\u{6771}\u{4eac}\u{30bf}\u{30ef}\u{30fc}", 5),
            ("\u{1f389}\u{1f389}\u{1f389}", 4),
            (&*"A".repeat(3_000), 1_000),
        ] {
            assert_eq!(estimate_tokens(text), tokens, "{text:.40}");
        }
    }

    #[test]
    fn the_start_of_a_text_ends_between_words_and_fits() {
        for (text, tokens, start) in [
            ("one two three", 3, "one two three"),
            ("one  two three", 2, "one  two"),
            ("one two three", 0, ""),
            ("one embeddings", 3, "one"),
            ("\u{6771}\u{4eac}\u{90fd}", 2, "\u{6771}\u{4eac}"),
        ] {
            assert_eq!(first_tokens(text, tokens), start, "{text}");
        }
        for text in ["A".repeat(3_000), "\u{1f389}".repeat(900), "\u{d55c}\u{ae00}".repeat(200)] {
            let start = first_tokens(&text, 50);
            assert!((40..=50).contains(&estimate_tokens(start)), "{text:.9} {}", estimate_tokens(start));
        }
    }

    #[test]
    fn the_parts_add_up_to_the_whole() {
        let (one, other) = ("We moved to Lisbon in May,", "\u{6771}\u{4eac} is next!");
        assert_eq!(
            estimate_tokens(&format!("{one}\n{other}")),
            estimate_tokens(one) + estimate_tokens(other)
        );
    }
}
