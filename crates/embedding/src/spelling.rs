//! How English words are spelt, by the vocabulary of the built-in model, which lists the commonest first.

use crate::static_model::StaticModel;

/// The first word of the vocabulary ("the"); before it stand marks and single characters.
const FIRST_WORD: u32 = 1_996;
/// Shorter ones are abbreviations and pieces more often than words.
const LETTERS_MIN: usize = 3;
/// Longest word whose spellings are looked for: each letter more is another 53 looks.
const LETTERS_MAX: usize = 24;
const LETTERS: std::ops::RangeInclusive<u8> = b'a'..=b'z';

/// A word as it is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelling {
    /// The word, in lower case.
    pub word: &'static str,
    /// Its place among all words by how common they are, from 1.
    pub rank: u32,
}

/// Whether `word` (in lower case) is an English word.
pub fn is_spelt_right(word: &str) -> bool {
    find(word).is_some()
}

/// The English words one edit from `word` (in lower case, English letters only): a letter more, less or other, or two
/// neighbours swapped. In no order.
pub fn spellings(word: &str) -> Vec<Spelling> {
    let is_plain = word.bytes().all(|letter| letter.is_ascii_lowercase());
    let mut found: Vec<Spelling> = Vec::new();
    if is_plain && (LETTERS_MIN..=LETTERS_MAX).contains(&word.len()) {
        for_each_edit(word.as_bytes(), |edited| {
            let spelling = std::str::from_utf8(edited).ok().and_then(find);
            if let Some(spelling) = spelling.filter(|one| one.word != word && !found.contains(one)) {
                found.push(spelling);
            }
        });
    }
    found
}

fn find(word: &str) -> Option<Spelling> {
    let vocabulary = StaticModel::shared().wordpiece().vocabulary();
    let line = vocabulary.whole(word).filter(|line| *line >= FIRST_WORD && word.len() >= LETTERS_MIN)?;
    let word = vocabulary.piece(line)?;
    word.bytes()
        .all(|letter| letter.is_ascii_lowercase())
        .then_some(Spelling { word, rank: line - FIRST_WORD + 1 })
}

fn for_each_edit(word: &[u8], mut visit: impl FnMut(&[u8])) {
    let mut edited = Vec::with_capacity(word.len() + 1);
    for at in 0..=word.len() {
        edited.clear();
        edited.extend_from_slice(word);
        edited.insert(at, 0);
        for letter in LETTERS {
            edited[at] = letter;
            visit(&edited);
        }
        if at == word.len() {
            break;
        }
        edited.remove(at);
        for letter in LETTERS {
            edited[at] = letter;
            visit(&edited);
        }
        edited[at] = word[at];
        if at + 1 < word.len() {
            edited.swap(at, at + 1);
            visit(&edited);
            edited.swap(at, at + 1);
        }
        edited.remove(at);
        visit(&edited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_one_edit_away_are_found() {
        for (typed, meant) in [
            ("februayr", "february"),
            ("achiekement", "achievement"),
            ("jully", "july"),
            ("gorcery", "grocery"),
            ("deescribe", "describe"),
            ("hmself", "himself"),
            ("helpd", "helped"),
        ] {
            assert!(!is_spelt_right(typed), "{typed}");
            let found = spellings(typed);
            assert!(found.iter().any(|one| one.word == meant), "{typed}: {found:?}");
            assert!(is_spelt_right(meant));
        }
    }

    #[test]
    fn commoner_words_rank_first() {
        let rank = |word: &str| find(word).unwrap().rank;
        assert_eq!(rank("the"), 1);
        assert!(rank("house") < rank("cottage"));
    }

    #[test]
    fn what_is_no_english_word_has_no_spellings() {
        for none in
            ["", "a", "xqzzv", "hous e", "Housee", "h\u{e4}user", &"a".repeat(1_000), "##ing", "[unk]"]
        {
            assert_eq!(spellings(none), [], "{none}");
            assert!(!is_spelt_right(none), "{none}");
        }
        assert!(spellings("house").iter().all(|one| one.word != "house"));
    }
}
