//! A WordPiece vocabulary: which piece of text has which number, looked up in the text itself.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

/// Pieces of words, numbered by line. Lines that start with `##` are pieces that continue a word.
///
/// The text is never copied: the index is one `u32` per line and one per hash slot
/// (380 KB for the 30,522 lines of BERT's English vocabulary, built in under a millisecond).
pub struct Vocabulary {
    text: Cow<'static, str>,
    /// Byte offset at which each line starts, and one past the last line's line feed.
    starts: Vec<u32>,
    /// Open-addressed: 12 bits of hash above 20 bits of line number, or [`EMPTY`].
    slots: Box<[u32]>,
    slot_bits: u32,
    piece_bytes_max: usize,
    unknown: u32,
}

/// Where in its word a piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// At the start of the word.
    Start,
    /// After another piece: written `##...` in the vocabulary.
    Continuation,
}

/// Why a text is no vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VocabularyError {
    /// The line for words with no pieces is missing.
    #[error("the vocabulary has no [UNK] line; take the vocab.txt of a BERT WordPiece model")]
    NoUnknown,
    /// The index numbers lines in 20 bits.
    #[error("the vocabulary has {lines} lines, the most is {LINES_MAX}")]
    TooManyLines {
        /// Lines found.
        lines: usize,
    },
    /// Too long to be looked up.
    #[error("line {line} of the vocabulary has {bytes} bytes, the most is {PIECE_BYTES_MAX}")]
    PieceTooLong {
        /// Line number, from 0.
        line: usize,
        /// Its length.
        bytes: usize,
    },
}

/// Line numbers have 20 bits in a slot; the all-ones one marks an empty slot.
const LINES_MAX: usize = (1 << 20) - 1;

/// Prefix hashes live on the stack; the longest piece of the multilingual BERT vocabularies has 60 bytes.
const PIECE_BYTES_MAX: usize = 128;

const EMPTY: u32 = u32::MAX;
const LINE_MASK: u32 = (1 << 20) - 1;
const CONTINUATION_MARK: &[u8] = b"##";

impl Vocabulary {
    /// Indexes a `vocab.txt`: one piece a line, its number the line's, from 0.
    ///
    /// # Errors
    /// See [`VocabularyError`].
    pub fn new(text: impl Into<Cow<'static, str>>) -> Result<Self, VocabularyError> {
        let text = text.into();
        let lines = text.lines().count();
        if lines > LINES_MAX {
            return Err(VocabularyError::TooManyLines { lines });
        }
        let slot_bits = (lines * 2).max(2).next_power_of_two().trailing_zeros();
        let mut vocabulary = Self {
            starts: Vec::with_capacity(lines + 1),
            slots: vec![EMPTY; 1 << slot_bits].into_boxed_slice(),
            slot_bits,
            piece_bytes_max: 0,
            unknown: EMPTY,
            text: Cow::Borrowed(""),
        };
        let mut start = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            vocabulary.starts.push(narrow(start));
            start += line.len();
            vocabulary.index_line(number, without_line_end(line))?;
        }
        vocabulary.starts.push(narrow(start));
        vocabulary.text = text;
        if vocabulary.unknown == EMPTY {
            return Err(VocabularyError::NoUnknown);
        }
        Ok(vocabulary)
    }

    /// Lines, which is one more than the largest number.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no line at all (never: `[UNK]` is there).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of `[UNK]`, which stands for a word that cannot be put together from pieces.
    pub fn unknown(&self) -> u32 {
        self.unknown
    }

    /// The text of a piece, with its `##` if it has one; `None` past the last line.
    pub fn piece(&self, number: u32) -> Option<&str> {
        let (start, end) = (self.starts.get(number as usize)?, self.starts.get(number as usize + 1)?);
        Some(without_line_end(&self.text[*start as usize..*end as usize]))
    }

    /// The number of the piece that is the whole of `word`.
    pub(crate) fn whole(&self, word: &str) -> Option<u32> {
        let (number, length) = self.longest_prefix(word, Position::Start)?;
        (length == word.len()).then_some(number)
    }

    /// The text the numbers come from.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The longest piece that `rest` starts with, and its length in bytes of `rest`.
    pub(crate) fn longest_prefix(&self, rest: &str, position: Position) -> Option<(u32, usize)> {
        let bytes = rest.as_bytes();
        let longest = bytes.len().min(self.piece_bytes_max);
        let mut states = [0u64; PIECE_BYTES_MAX];
        let mut state = match position {
            Position::Start => HASH_START,
            Position::Continuation => HASH_CONTINUATION,
        };
        for (kept, byte) in states.iter_mut().zip(&bytes[..longest]) {
            state = step(state, *byte);
            *kept = state;
        }
        (1..=longest)
            .rev()
            .filter(|length| rest.is_char_boundary(*length))
            .find_map(|length| Some((self.find(states[length - 1], &bytes[..length], position)?, length)))
    }

    fn find(&self, hash: u64, prefix: &[u8], position: Position) -> Option<u32> {
        for slot in self.probe(hash) {
            let entry = self.slots[slot];
            if entry == EMPTY {
                return None;
            }
            if entry >> 20 == tag(hash) {
                let number = entry & LINE_MASK;
                let piece = self.piece(number)?.as_bytes();
                let matches = match position {
                    Position::Start => piece == prefix,
                    Position::Continuation => piece.strip_prefix(CONTINUATION_MARK) == Some(prefix),
                };
                if matches {
                    return Some(number);
                }
            }
        }
        None
    }

    fn index_line(&mut self, number: usize, piece: &str) -> Result<(), VocabularyError> {
        if piece.len() > PIECE_BYTES_MAX {
            return Err(VocabularyError::PieceTooLong { line: number, bytes: piece.len() });
        }
        let number = narrow(number);
        if piece == "[UNK]" {
            self.unknown = number;
        }
        self.piece_bytes_max = self.piece_bytes_max.max(piece.len());
        let hash = piece.bytes().fold(HASH_START, step);
        let free = self.probe(hash).find(|slot| self.slots[*slot] == EMPTY);
        // Half of the slots stay empty, so there is always a free one.
        if let Some(slot) = free {
            self.slots[slot] = (tag(hash) << 20) | number;
        }
        Ok(())
    }

    /// Every slot once, beginning at the hash's own.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = (1usize << self.slot_bits) - 1;
        let first = (hash >> (64 - self.slot_bits)) as usize;
        (0..=mask).map(move |away| (first + away) & mask)
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary").field("lines", &self.len()).finish_non_exhaustive()
    }
}

/// FxHash's step, taken byte by byte so that one pass over a word gives the hash of each of its prefixes.
const fn step(state: u64, byte: u8) -> u64 {
    (state.rotate_left(5) ^ byte as u64).wrapping_mul(0x517c_c1b7_2722_0a95)
}

const HASH_START: u64 = 0x9e37_79b9_7f4a_7c15;
const HASH_CONTINUATION: u64 = step(step(HASH_START, b'#'), b'#');

/// Bits that the slot number does not use; they spare most comparisons of text.
const fn tag(hash: u64) -> u32 {
    (hash >> 28) as u32 & 0xfff
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn without_line_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rest: &str, position: Position, expected: Option<(u32, usize)>) {
        let vocabulary = Vocabulary::new("[UNK]\nun\n##aff\n##able\nuna\né\n##é\r\n#\n").unwrap();
        assert_eq!(vocabulary.longest_prefix(rest, position), expected, "{rest:?} {position:?}");
    }

    #[test]
    fn the_longest_piece_of_the_right_position_wins() {
        check("unaffable", Position::Start, Some((4, 3)));
        check("unfit", Position::Start, Some((1, 2)));
        check("affable", Position::Continuation, Some((2, 3)));
        check("affable", Position::Start, None);
        check("un", Position::Continuation, None);
        check("été", Position::Start, Some((5, 2)));
        check("été", Position::Continuation, Some((6, 2)));
        check("", Position::Start, None);
    }

    #[test]
    fn every_line_finds_itself() {
        let text = include_str!("../assets/minilm-vocab.txt");
        let vocabulary = Vocabulary::new(text).unwrap();
        assert_eq!(vocabulary.len(), 30_522);
        for (number, line) in (0u32..).zip(text.lines()) {
            assert_eq!(vocabulary.piece(number), Some(line));
            let (rest, position) = match line.strip_prefix("##") {
                Some(rest) => (rest, Position::Continuation),
                None => (line, Position::Start),
            };
            assert_eq!(vocabulary.longest_prefix(rest, position), Some((number, rest.len())), "{line}");
        }
        assert_eq!(vocabulary.piece(30_522), None);
    }

    #[test]
    fn a_text_without_unk_or_with_a_huge_line_is_refused() {
        assert_eq!(Vocabulary::new("a\nb\n").unwrap_err(), VocabularyError::NoUnknown);
        assert_eq!(Vocabulary::new("").unwrap_err(), VocabularyError::NoUnknown);
        let huge = format!("[UNK]\n{}\n", "x".repeat(129));
        assert_eq!(Vocabulary::new(huge).unwrap_err(), VocabularyError::PieceTooLong { line: 1, bytes: 129 });
    }
}
