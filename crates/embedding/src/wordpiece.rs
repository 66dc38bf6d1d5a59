//! BERT's WordPiece tokenizer, uncased unless asked otherwise: text in, numbers of vocabulary lines out.
//!
//! Agrees with the `tokenizers` library's `BertNormalizer` (clean text, split CJK, strip accents,
//! lower-case), `BertPreTokenizer` and `WordPiece`, without `[CLS]` and `[SEP]`. Algorithm: Devlin et al.,
//! "BERT", 2018, and Wu et al., "Google's Neural Machine Translation System", 2016.

use std::ops::ControlFlow;

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

use crate::vocabulary::{Position, Vocabulary};

/// A longer word is `[UNK]` as a whole, as it is for the model: no language has such words, and the search
/// for pieces is quadratic in the worst case.
pub const WORD_CHARS_MAX: usize = 100;

/// What happens to capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They become small.
    Lower,
    /// They stay.
    Kept,
}

/// What happens to accents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accents {
    /// They go.
    Stripped,
    /// They stay.
    Kept,
}

/// Cuts text into pieces of one vocabulary.
#[derive(Debug)]
pub struct WordPiece {
    vocabulary: Vocabulary,
    case: Case,
    accents: Accents,
}

impl WordPiece {
    /// A tokenizer for the given pieces, which folds letters as uncased models do.
    pub fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary, case: Case::Lower, accents: Accents::Stripped }
    }

    /// The same, folding letters otherwise.
    pub fn folding(self, case: Case, accents: Accents) -> Self {
        Self { case, accents, ..self }
    }

    /// The pieces it knows.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The number of each piece of `text`, in order; a word that has no pieces is one `[UNK]`.
    pub fn pieces(&self, text: &str) -> Vec<u32> {
        let mut pieces = Vec::new();
        self.visit(text, |piece| {
            pieces.push(piece);
            ControlFlow::Continue(())
        });
        pieces
    }

    /// Calls `visit` with the number of each piece, in order, until it breaks; text after that is not read.
    pub fn visit(&self, text: &str, visit: impl FnMut(u32) -> ControlFlow<()>) {
        let mut words = Words {
            vocabulary: &self.vocabulary,
            case: self.case,
            accents: self.accents,
            word: String::new(),
            chars: 0,
            found: Vec::new(),
            visit,
        };
        // White space is a starter in every normal form, so the runs between it may be normalised one by one.
        for run in text.split([' ', '\n', '\t', '\r']) {
            if words.take_run(run).is_break() {
                return;
            }
        }
    }
}

/// The word being read, and what happens to its pieces.
struct Words<'v, F> {
    vocabulary: &'v Vocabulary,
    case: Case,
    accents: Accents,
    word: String,
    chars: usize,
    found: Vec<u32>,
    visit: F,
}

impl<F: FnMut(u32) -> ControlFlow<()>> Words<'_, F> {
    fn take_run(&mut self, run: &str) -> ControlFlow<()> {
        if run.is_ascii() {
            for byte in run.bytes().filter(|b| !b.is_ascii_control()) {
                self.take_folded(char::from(byte))?;
            }
        } else {
            let mut spaced = run.chars().filter(|c| is_kept(*c)).flat_map(with_cjk_apart);
            match self.accents {
                Accents::Kept => spaced.try_for_each(|c| self.take_folded(c))?,
                Accents::Stripped => spaced
                    .nfd()
                    .filter(|c| get_general_category(*c) != GeneralCategory::NonspacingMark)
                    .try_for_each(|c| self.take_folded(c))?,
            }
        }
        self.end_word()
    }

    fn take_folded(&mut self, c: char) -> ControlFlow<()> {
        match self.case {
            Case::Kept => self.take(c),
            Case::Lower if c.is_ascii() => self.take(c.to_ascii_lowercase()),
            Case::Lower => c.to_lowercase().try_for_each(|c| self.take(c)),
        }
    }

    /// Takes one character of clean text.
    fn take(&mut self, c: char) -> ControlFlow<()> {
        if c.is_whitespace() {
            self.end_word()
        } else if is_punctuation(c) {
            self.end_word()?;
            self.push(c);
            self.end_word()
        } else {
            self.push(c);
            ControlFlow::Continue(())
        }
    }

    fn push(&mut self, c: char) {
        self.chars += 1;
        // A word that is too long already is only counted, so that it costs no memory.
        if self.chars <= WORD_CHARS_MAX {
            self.word.push(c);
        }
    }

    fn end_word(&mut self) -> ControlFlow<()> {
        if self.chars == 0 {
            return ControlFlow::Continue(());
        }
        let is_known = self.chars <= WORD_CHARS_MAX && self.find_pieces();
        self.chars = 0;
        self.word.clear();
        if is_known {
            self.found.drain(..).try_for_each(&mut self.visit)
        } else {
            (self.visit)(self.vocabulary.unknown())
        }
    }

    /// Puts the word together from the longest pieces, left to right; `false` when one is missing.
    fn find_pieces(&mut self) -> bool {
        self.found.clear();
        let (mut rest, mut position) = (self.word.as_str(), Position::Start);
        while !rest.is_empty() {
            let Some((piece, length)) = self.vocabulary.longest_prefix(rest, position) else { return false };
            self.found.push(piece);
            rest = &rest[length..];
            position = Position::Continuation;
        }
        true
    }
}

/// Whether clean text keeps `c`: everything but NUL, the replacement character and what is neither seen nor space.
fn is_kept(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    c != char::REPLACEMENT_CHARACTER
        && !matches!(
            get_general_category(c),
            GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse
        )
}

/// Puts spaces around a CJK ideograph, which is a word of its own.
fn with_cjk_apart(c: char) -> impl Iterator<Item = char> {
    let space = is_cjk_ideograph(c).then_some(' ');
    space.into_iter().chain([c]).chain(space)
}

/// The blocks BERT counts as Chinese characters; not kana, not hangul.
fn is_cjk_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F
        | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}

/// All ASCII signs (so also `$`, `+`, `^`, which Unicode calls symbols) and all Unicode punctuation.
fn is_punctuation(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_punctuation();
    }
    matches!(
        get_general_category(c),
        GeneralCategory::ConnectorPunctuation
            | GeneralCategory::DashPunctuation
            | GeneralCategory::OpenPunctuation
            | GeneralCategory::ClosePunctuation
            | GeneralCategory::InitialPunctuation
            | GeneralCategory::FinalPunctuation
            | GeneralCategory::OtherPunctuation
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let wordpiece = WordPiece::new(Vocabulary::new(include_str!("../assets/minilm-vocab.txt")).unwrap());
        let pieces = wordpiece.pieces(text);
        let pieces: Vec<_> = pieces.iter().filter_map(|p| wordpiece.vocabulary().piece(*p)).collect();
        assert_eq!(pieces.join(" "), expected, "{text:?}");
    }

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        check("Unaffable embeddings", "una ##ffa ##ble em ##bed ##ding ##s");
        check("", "");
        check(" \t\r\n\u{2003}", "");
    }

    #[test]
    fn case_and_accents_go_and_punctuation_stands_alone() {
        check("Café, NAÏVE!", "cafe , naive !");
        check("don't $5+3", "don ' t $ 5 + 3");
        check("a\u{2014}b", "a \u{2014} b");
    }

    #[test]
    fn capitals_and_accents_stay_where_the_model_wants_them() {
        let pieces = |case, accents| {
            let vocabulary = Vocabulary::new("[UNK]\nÉa\néa\nEa\nea\nA\na\n").unwrap();
            WordPiece::new(vocabulary).folding(case, accents).pieces("Éa A")
        };
        assert_eq!(pieces(Case::Kept, Accents::Kept), [1, 5]);
        assert_eq!(pieces(Case::Lower, Accents::Kept), [2, 6]);
        assert_eq!(pieces(Case::Kept, Accents::Stripped), [3, 5]);
        assert_eq!(pieces(Case::Lower, Accents::Stripped), [4, 6]);
    }

    #[test]
    fn ideographs_are_words_and_invisible_characters_vanish() {
        check("東京tower", "東 京 tower");
        check("to\0w\u{200d}e\u{ad}r", "tower");
        check("\u{1f600} ok", "[UNK] ok");
    }

    #[test]
    fn a_word_of_101_characters_is_unknown_and_one_of_100_is_not() {
        check(&"a".repeat(101), "[UNK]");
        assert!(
            WordPiece::new(Vocabulary::new("[UNK]\na\n##a\n").unwrap()).pieces(&"a".repeat(100)).len() == 100
        );
    }

    #[test]
    fn reading_stops_when_the_visitor_breaks() {
        let wordpiece = WordPiece::new(Vocabulary::new("[UNK]\na\n##a\n").unwrap());
        let mut seen = 0;
        wordpiece.visit("aa aa aa", |_| {
            seen += 1;
            if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(seen, 3);
    }
}
