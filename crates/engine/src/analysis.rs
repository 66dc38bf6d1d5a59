//! Text to index terms, the same way for memories and queries: folded, split, stemmed; CJK as one and two
//! characters. What comes out holds letters and digits only, so no text can be a query-syntax error.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word, in bytes; the rest of a longer one (a base64 blob, say) tells nothing apart.
const WORD_BYTES_MAX: usize = 64;
/// Stems each thread remembers, about 200 kB; the words of everyday English come back soonest.
const STEMS_CACHED: usize = 2_048;

/// Distinct terms of a query that are looked up; the rest of a 10 kB query adds cost, not sense.
const TELLING_TOKENS_MAX: usize = 64;

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// As written, but folded: lower case, no accents.
    pub(crate) word: String,
    /// As indexed: stemmed when it is plain English letters.
    pub(crate) term: String,
}

/// All words of a text, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for_each_word(text, |word| tokens.push(Token { term: stem(word), word: word.to_owned() }));
    tokens
}

/// The distinct terms of a query that say what is asked for; all of them when every word is a question word.
pub(crate) fn telling_tokens(query: &str) -> Vec<Token> {
    let mut seen = HashSet::new();
    let all: Vec<Token> = tokens(query).into_iter().filter(|token| seen.insert(token.term.clone())).collect();
    let telling: Vec<Token> =
        all.iter().filter(|token| !is_stop_word(&token.word)).take(TELLING_TOKENS_MAX).cloned().collect();
    if telling.is_empty() { all.into_iter().take(TELLING_TOKENS_MAX).collect() } else { telling }
}

/// Calls `visit` with each folded word of `text`; runs of CJK give their characters and pairs.
pub(crate) fn for_each_word(text: &str, mut visit: impl FnMut(&str)) {
    let folded: Cow<'_, str> = if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkd().filter(|c| !is_combining_mark(*c)).collect())
    };
    let mut word = String::new();
    let mut previous_cjk: Option<char> = None;
    let mut characters = folded.chars().peekable();
    while let Some(character) = characters.next() {
        if is_cjk(character) && character.is_alphanumeric() {
            flush(&mut word, &mut visit);
            let mut buffer = String::with_capacity(8);
            if let Some(previous) = previous_cjk {
                buffer.push(previous);
                buffer.push(character);
                visit(&buffer);
                buffer.clear();
            }
            buffer.push(character);
            visit(&buffer);
            previous_cjk = Some(character);
            continue;
        }
        previous_cjk = None;
        if character.is_alphanumeric() {
            push_lowercase(&mut word, character);
        } else if matches!(character, '\'' | '\u{2019}') && !word.is_empty() {
            // "Anna's" is Anna; "don't" is one word.
            let possessive = matches!(characters.peek(), Some('s' | 'S'));
            if possessive {
                let mut ahead = characters.clone();
                ahead.next();
                if !ahead.next().is_some_and(char::is_alphanumeric) {
                    characters.next();
                    flush(&mut word, &mut visit);
                }
            }
        } else {
            flush(&mut word, &mut visit);
        }
    }
    flush(&mut word, &mut visit);
}

fn flush(word: &mut String, visit: &mut impl FnMut(&str)) {
    if !word.is_empty() {
        visit(word);
        word.clear();
    }
}

fn push_lowercase(word: &mut String, character: char) {
    if word.len() >= WORD_BYTES_MAX {
        return;
    }
    if character.is_ascii() {
        word.push(character.to_ascii_lowercase());
    } else {
        word.extend(character.to_lowercase().filter(|c| c.is_alphanumeric()));
    }
}

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Words between blanks.
    Words,
    /// Characters in a row: more of them than words.
    Characters,
}

impl Writing {
    /// By what is looked for: a word is one term however long it is, and so is a character.
    pub(crate) fn of(text: &str) -> Self {
        let (mut characters, mut words, mut is_in_word) = (0, 0, false);
        for character in text.chars() {
            let is_character = is_cjk(character) && character.is_alphanumeric();
            let is_letter = character.is_alphanumeric() && !is_character;
            characters += usize::from(is_character);
            words += usize::from(is_letter && !is_in_word);
            is_in_word = is_letter;
        }
        if characters > words { Self::Characters } else { Self::Words }
    }
}

/// Scripts that write without blanks between words.
pub(crate) fn is_cjk(character: char) -> bool {
    matches!(u32::from(character),
        0x1100..=0x11FF | 0x2E80..=0x2FDF | 0x3040..=0x30FF | 0x3130..=0x318F | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xA960..=0xA97F | 0xAC00..=0xD7FF | 0xF900..=0xFAFF
        | 0xFF66..=0xFF9F | 0x20000..=0x3FFFF)
}

/// The index term of a folded word. Only words of plain English letters are stemmed.
pub(crate) fn stem(word: &str) -> String {
    thread_local! {
        static STEMMER: (Stemmer, RefCell<HashMap<String, String>>) =
            (Stemmer::create(Algorithm::English), RefCell::new(HashMap::new()));
    }
    if word.len() < 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    STEMMER.with(|(stemmer, known)| {
        let mut known = known.borrow_mut();
        if let Some(stem) = known.get(word) {
            return stem.clone();
        }
        if known.len() >= STEMS_CACHED {
            known.clear();
        }
        let stem = stemmer.stem(word).into_owned();
        known.insert(word.to_owned(), stem.clone());
        stem
    })
}

/// Words of questions that say nothing of what is asked for. Queries only; memories keep theirs.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "before", "being", "but", "by", "can", "could", "did", "didnt", "do", "does", "doesnt", "doing",
    "done", "dont", "for", "from", "get", "got", "had", "has", "have", "having", "he", "her", "here", "hers",
    "him", "his", "how", "i", "id", "if", "ill", "im", "in", "into", "is", "isnt", "it", "its", "ive",
    "just", "like", "likely", "many", "me", "might", "more", "most", "much", "my", "no", "nor", "not", "now",
    "of", "on", "or", "our", "out", "over", "own", "she", "should", "so", "some", "such", "than", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "too", "up", "us",
    "very", "was", "we", "were", "what", "whats", "when", "where", "which", "while", "who", "whom", "whose",
    "why", "will", "with", "would", "you", "your",
];

/// Whether a folded word is on the stop list.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, words: &str) {
        let found: Vec<_> = tokens(text).into_iter().map(|t| t.word).collect();
        assert_eq!(found.join(" "), words, "{text:?}");
    }

    #[test]
    fn writing_is_told_by_what_is_looked_for() {
        for (text, want) in [
            ("", Writing::Words),
            ("?!", Writing::Words),
            ("Where does Ana live?", Writing::Words),
            ("What does 你好 mean in English?", Writing::Words),
            ("我的上司是哪个学校毕业的呢？", Writing::Characters),
            ("OpenAI 的 API key 放在哪里了", Writing::Characters),
            ("用 Docker 部署 PostgreSQL 的步骤", Writing::Characters),
        ] {
            assert_eq!(Writing::of(text), want, "{text}");
        }
    }

    #[test]
    fn words_are_folded_and_split() {
        check("Anna's café: don't PANIC!", "anna cafe dont panic");
        check("\"quotes\" AND (NEAR/2) -x* ^y \0 z", "quotes and near 2 x y z");
        check("🙂🙂 v2.0_beta", "v2 0 beta");
        check("Straße ﬁn Ⅷ", "straße fin viii");
        check("it's 5 o'clock", "it 5 oclock");
        check("", "");
    }

    #[test]
    fn cjk_gives_characters_and_pairs() {
        check("我喜欢 tea", "我 我喜 喜 喜欢 欢 tea");
        check("東京tower", "東 東京 京 tower");
    }

    #[test]
    fn only_plain_english_letters_are_stemmed() {
        for (word, want) in
            [("running", "run"), ("memories", "memori"), ("naïve", "naïve"), ("v2", "v2"), ("is", "is")]
        {
            assert_eq!(stem(word), want);
        }
    }

    #[test]
    fn question_words_are_dropped_unless_there_is_nothing_else() {
        let check = |text: &str, want: &str| {
            let found: Vec<_> = telling_tokens(text).into_iter().map(|token| token.term).collect();
            assert_eq!(found.join(" "), want, "{text:?}");
        };
        check("When did Caroline go to the support group?", "carolin go support group");
        check("who is it", "who is it");
        check("who are the The", "who are the");
        check("run running runs", "run");
        check(" ?! ", "");
    }

    #[test]
    fn long_queries_are_cut() {
        let text: Vec<_> = (0..10_000).map(|i| format!("w{i}")).collect();
        assert_eq!(telling_tokens(&text.join(" ")).len(), TELLING_TOKENS_MAX);
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(tokens(&"x".repeat(10_000))[0].word.len(), WORD_BYTES_MAX);
    }

    #[test]
    fn the_stop_list_is_sorted_for_its_search() {
        assert!(STOP_WORDS.is_sorted());
    }

    proptest::proptest! {
        #[test]
        fn terms_hold_letters_and_digits_only(text in "\\PC*") {
            for token in tokens(&text) {
                proptest::prop_assert!(!token.term.is_empty());
                proptest::prop_assert!(token.term.chars().all(char::is_alphanumeric));
            }
        }
    }
}
