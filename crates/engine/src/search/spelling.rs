//! What was meant: words of the query that are misspelt, and the words they stand for. Everything after reads the query
//! as it was meant: its words, people, days, near words and vector.

use std::borrow::Cow;
use std::time::Instant;

use rusqlite::Connection;
use unicode_normalization::char::is_combining_mark;

use super::completeness;
use crate::analysis::{self, Token};
use crate::error::EngineError;
use crate::index::Index;
use crate::query::{Completeness, Correction, Ranking, SearchQuery};
use crate::typo::{self, Slip};

/// Spellings weighed for one word.
const WEIGHED_MAX: usize = 24;
/// What a word of the language is worth beside one of the store, divided by its rank: the 500th word of English weighs
/// as much as a word of two memories.
const USES_OF_RANK_1: f32 = 1_000.0;
/// What a question word is worth: others are asked for, and in a large store it is too common to be counted.
const STOP_WORD_USES: f32 = 1.0;
/// A shorter word that nobody here uses does not become a word of the language by another letter: it has too many
/// neighbours, and may be of another language.
const OTHER_LETTER_CHARS_MIN: usize = 6;

/// A query as it was meant.
pub(super) struct Meant<'a> {
    pub(super) query: Cow<'a, SearchQuery>,
    /// Its words that say what is asked for.
    pub(super) tokens: Vec<Token>,
    /// The words that were not spelt so.
    pub(super) corrections: Vec<Correction>,
}

/// Reads the query: corrects the words it has time for, and reads it again where there are any.
pub(super) fn meant<'a>(
    connection: &Connection,
    index: &Index,
    query: &'a SearchQuery,
    until: Option<Instant>,
) -> Result<Meant<'a>, EngineError> {
    let tokens = analysis::telling_tokens(&query.text);
    let corrections = corrections(connection, index, query, &tokens, until)?;
    if corrections.is_empty() {
        return Ok(Meant { query: Cow::Borrowed(query), tokens, corrections });
    }
    let query = read_again(query, &corrections);
    Ok(Meant { tokens: analysis::telling_tokens(&query.text), query: Cow::Owned(query), corrections })
}

/// The misspelt words of the query, each with the word that was meant; as many as there was time for.
fn corrections(
    connection: &Connection,
    index: &Index,
    query: &SearchQuery,
    tokens: &[Token],
    until: Option<Instant>,
) -> Result<Vec<Correction>, EngineError> {
    let lookup = Lookup { connection, index, query };
    let mut corrections = Vec::new();
    for token in tokens {
        if completeness(until) == Completeness::DeadlineReached {
            break;
        }
        if let Some(to) = lookup.meant(token)? {
            corrections.push(Correction { from: token.word.clone(), to });
        }
    }
    Ok(corrections)
}

/// Words of the store and of the language.
struct Lookup<'a> {
    connection: &'a Connection,
    index: &'a Index,
    query: &'a SearchQuery,
}

impl Lookup<'_> {
    /// The word meant by a misspelt one; `None` for one that is spelt right or like no other.
    fn meant(&self, token: &Token) -> Result<Option<String>, EngineError> {
        let reader = self.query.reader.as_deref();
        if !typo::may_be_misspelt(&token.word)
            || reader.is_some_and(|reader| reader.is_spelt_right(&token.word))
            || !self.index.actors_named(&token.word).is_empty()
        {
            return Ok(None);
        }
        let is_held = self.index.frequency(self.connection, &token.term)? > 0;
        if (is_held && reader.is_none()) || typo::is_known(self.connection, &token.word)? {
            return Ok(None);
        }
        let is_short = token.word.chars().count() < OTHER_LETTER_CHARS_MIN;
        let mut best = (0.0, None);
        for (word, of_language) in self.spellings(&token.word)? {
            let term = analysis::stem(&word);
            // Of a word whose stem is here only the ending can be wrong, and another ending is not wrong.
            if is_held && (term != token.term || is_inflected(&token.word, &word)) {
                continue;
            }
            let slip = typo::slip(&token.word, &word);
            let uses = match analysis::is_stop_word(&word) {
                true => STOP_WORD_USES,
                false => match self.index.frequency(self.connection, &term)? {
                    0 if is_short && slip == Slip::OtherLetter => continue,
                    here => here as f32 + of_language,
                },
            };
            if uses * slip.likelihood() > best.0 {
                best = (uses * slip.likelihood(), Some(word));
            }
        }
        Ok(best.1)
    }

    /// Words near to this one, with what each is worth as a word of the language.
    fn spellings(&self, word: &str) -> Result<Vec<(String, f32)>, EngineError> {
        let spelt = self.query.reader.as_deref().map(|reader| reader.spellings(word)).unwrap_or_default();
        let mut near: Vec<(String, f32)> = spelt
            .into_iter()
            .map(|one| (one.word.into_owned(), USES_OF_RANK_1 / one.rank.max(1) as f32))
            .collect();
        for other in typo::near(self.connection, word)?.into_iter().take(WEIGHED_MAX) {
            if !near.iter().any(|(known, _)| *known == other) {
                near.push((other, 0.0));
            }
        }
        Ok(near)
    }
}

/// Whether one of two words is the other with a usual ending.
fn is_inflected(one: &str, other: &str) -> bool {
    let ending = one.strip_prefix(other).or_else(|| other.strip_prefix(one));
    ending.is_some_and(|ending| matches!(ending, "s" | "es" | "d" | "ed" | "r" | "er" | "ing" | "ly"))
}

/// The query with its words corrected, and what that means.
fn read_again(query: &SearchQuery, corrections: &[Correction]) -> SearchQuery {
    let mut meant = query.clone();
    meant.text = respelled(&query.text, corrections);
    if let (Some(reader), Ranking::Hybrid) = (&query.reader, query.ranking) {
        let reading = reader.read(&meant.text);
        meant.embedded = reading.embedded.or(meant.embedded);
        meant.near_words = reading.near_words;
    }
    meant
}

/// `text` with its misspelt words replaced, all else as it was.
fn respelled(text: &str, corrections: &[Correction]) -> String {
    // Scripts without blanks are words of their own, whatever stands beside them.
    let is_inner = |c: char| {
        (c.is_alphanumeric() && !analysis::is_cjk(c))
            || is_combining_mark(c)
            || matches!(c, '\'' | '\u{2019}')
    };
    let mut respelled = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = &rest[..rest.find(|c| !is_inner(c)).unwrap_or(rest.len())];
        rest = &rest[word.len()..];
        respelled.push_str(correction_of(word, corrections).unwrap_or(word));
        let between = &rest[..rest.find(is_inner).unwrap_or(rest.len())];
        rest = &rest[between.len()..];
        respelled.push_str(between);
    }
    respelled
}

fn correction_of<'a>(word: &str, corrections: &'a [Correction]) -> Option<&'a str> {
    let mut folded = None;
    analysis::for_each_word(word, |word| folded = Some(word.to_owned()));
    let folded = folded?;
    corrections.iter().find(|correction| correction.from == folded).map(|correction| correction.to.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_misspelt_words_are_replaced() {
        let correction = |from: &str, to: &str| Correction { from: from.into(), to: to.into() };
        let corrections = [correction("carolne", "caroline"), correction("adotp", "adopt")];
        let check = |text: &str, want: &str| assert_eq!(respelled(text, &corrections), want, "{text:?}");
        check("When did Carolne's mother adotp?", "When did caroline mother adopt?");
        check("adotp, ADOTP; \u{201c}Adotp\u{201d}", "adopt, adopt; \u{201c}adopt\u{201d}");
        check("adotper 'tis", "adotper 'tis");
        check("\u{6771}\u{4eac}adotp", "\u{6771}\u{4eac}adopt");
        check("adotp\u{306b}\u{3064}\u{3044}\u{3066}", "adopt\u{306b}\u{3064}\u{3044}\u{3066}");
        check("adotp\u{c5d0}\u{c11c}", "adopt\u{c5d0}\u{c11c}");
        check("adotp\u{301}", "adopt");
        check("", "");
        check(" \u{6771}\u{4eac} \u{1f642} ", " \u{6771}\u{4eac} \u{1f642} ");
    }
}
