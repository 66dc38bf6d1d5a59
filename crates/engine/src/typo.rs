//! Typo tolerance: words of a store, found by any of their one-letter deletions (symmetric delete).
//! A word of a query is corrected only when nobody here uses it.
//!
//! Source: W. Garbe, "SymSpell: symmetric delete spelling correction", 2012.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::{Connection, OptionalExtension};

use crate::error::EngineError;

/// Shorter words have too many neighbours to guess from.
const WORD_CHARS_MIN: usize = 4;
/// Candidates looked at for one word; the most similar and most used wins.
const CANDIDATES_MAX: usize = 64;

/// Words a writer knows to be in the vocabulary, by hash; about 0.5 MB when full.
#[derive(Debug, Default)]
pub(crate) struct KnownWords(HashSet<u64>);

/// Most words remembered; everyday words come back at once.
const WORDS_KNOWN_MAX: usize = 32_768;

impl KnownWords {
    /// Whether the word was not known; it is from now on.
    pub(crate) fn is_news(&mut self, word: &str) -> bool {
        if self.0.len() >= WORDS_KNOWN_MAX {
            self.0.clear();
        }
        self.0.insert(Self::key(word))
    }

    pub(crate) fn forget(&mut self, word: &str) {
        self.0.remove(&Self::key(word));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    fn key(word: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        hasher.finish()
    }
}

/// Adds a word to the vocabulary, unless it is there.
pub(crate) fn learn(connection: &Connection, word: &str) -> Result<(), EngineError> {
    let new =
        connection.prepare_cached("INSERT OR IGNORE INTO word (text) VALUES (?)")?.execute([word])? == 1;
    if new && is_correctable(word) {
        let id = connection.last_insert_rowid();
        let mut insert =
            connection.prepare_cached("INSERT OR IGNORE INTO word_deletion (key, word_id) VALUES (?, ?)")?;
        for key in keys(word) {
            insert.execute((key, id))?;
        }
    }
    Ok(())
}

/// Takes a word out of the vocabulary.
pub(crate) fn forget(connection: &Connection, word: &str) -> Result<(), EngineError> {
    let id: Option<i64> = connection
        .prepare_cached("DELETE FROM word WHERE text = ? RETURNING id")?
        .query_row([word], |row| row.get(0))
        .optional()?;
    if let Some(id) = id {
        let mut delete =
            connection.prepare_cached("DELETE FROM word_deletion WHERE key = ? AND word_id = ?")?;
        for key in keys(word) {
            delete.execute((key, id))?;
        }
    }
    Ok(())
}

/// Whether somebody here uses exactly this word.
pub(crate) fn is_known(connection: &Connection, word: &str) -> Result<bool, EngineError> {
    Ok(connection.prepare_cached("SELECT 1 FROM word WHERE text = ?")?.exists([word])?)
}

/// Words of the store within one edit of `word` (two for words of eight letters or more), nearest first. A word of three
/// letters may lack its fourth.
pub(crate) fn near(connection: &Connection, word: &str) -> Result<Vec<String>, EngineError> {
    if !may_be_misspelt(word) {
        return Ok(Vec::new());
    }
    let edits_max = if word.chars().count() >= 8 { 2 } else { 1 };
    let mut find = connection.prepare_cached(
        "SELECT word.text FROM word_deletion JOIN word ON word.id = word_deletion.word_id \
         WHERE word_deletion.key = ? LIMIT 64",
    )?;
    let mut found: Vec<(Slip, String)> = Vec::new();
    for key in keys(word) {
        let mut rows = find.query([key])?;
        while let Some(row) = rows.next()? {
            let candidate: String = row.get(0)?;
            let edits = distance(word, &candidate);
            if edits <= edits_max && !found.iter().any(|(_, known)| *known == candidate) {
                found.push((slip_of(word, &candidate, edits), candidate));
            }
            if found.len() >= CANDIDATES_MAX {
                break;
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, word)| word).collect())
}

/// What went wrong between the word that was meant and the one that was typed; the likelier, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slip {
    /// Two neighbours swapped, a letter left out or doubled: one way each.
    Plain,
    /// A letter that does not belong there, beside or instead of another: any of many.
    OtherLetter,
    /// Two of them.
    Several,
}

impl Slip {
    /// How likely it is, beside the plainest.
    pub(crate) fn likelihood(self) -> f32 {
        match self {
            Self::Plain => 1.0,
            Self::OtherLetter => 0.2,
            Self::Several => 0.05,
        }
    }
}

/// What went wrong when `typed` was meant to be `meant`.
pub(crate) fn slip(typed: &str, meant: &str) -> Slip {
    slip_of(typed, meant, distance(typed, meant))
}

fn slip_of(typed: &str, meant: &str, edits: usize) -> Slip {
    let (typed, meant): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    if edits > 1 {
        return Slip::Several;
    }
    let first = typed.iter().zip(&meant).take_while(|(a, b)| a == b).count();
    match typed.len().cmp(&meant.len()) {
        Ordering::Less => Slip::Plain,
        // Of a doubled letter the second one is in excess.
        Ordering::Greater if first > 0 && typed[first] == typed[first - 1] => Slip::Plain,
        Ordering::Equal
            if typed.get(first + 1) == meant.get(first) && typed.get(first) == meant.get(first + 1) =>
        {
            Slip::Plain
        }
        Ordering::Greater | Ordering::Equal => Slip::OtherLetter,
    }
}

/// Whether a word of a query is of a kind that can be corrected.
pub(crate) fn may_be_misspelt(word: &str) -> bool {
    word.chars().count() + 1 >= WORD_CHARS_MIN && is_plain(word)
}

fn is_correctable(word: &str) -> bool {
    word.chars().count() >= WORD_CHARS_MIN && is_plain(word)
}

fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_alphabetic() && !crate::analysis::is_cjk(c))
}

/// Hashes of the word and of the word without each of its letters.
fn keys(word: &str) -> Vec<i64> {
    let letters: Vec<char> = word.chars().collect();
    let mut keys = vec![hash(word)];
    let mut shorter = String::with_capacity(word.len());
    for skipped in 0..letters.len() {
        shorter.clear();
        shorter.extend(letters.iter().enumerate().filter(|(at, _)| *at != skipped).map(|(_, c)| *c));
        keys.push(hash(&shorter));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// 64 bits of BLAKE3: stable across builds, since the file keeps it.
fn hash(text: &str) -> i64 {
    let digest = blake3::hash(text.as_bytes());
    digest.as_bytes().first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// Edits between two words: insertions, deletions, substitutions and swaps of neighbours
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut older, mut old) = (vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>());
    for i in 1..=a.len() {
        let mut new = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = old[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            new[j] = substituted.min(old[j] + 1).min(new[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                new[j] = new[j].min(older[j - 2] + 1);
            }
        }
        older = old;
        old = new;
    }
    old[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_swaps_once() {
        for (a, b, want) in [("adopt", "adopt", 0), ("adopt", "adotp", 1), ("cat", "cart", 1), ("abc", "", 3)]
        {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn near_words_are_found_and_forgotten_ones_are_not() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        for word in ["adoption", "adapt", "counseling", "cat", "東京"] {
            learn(&connection, word).unwrap();
            learn(&connection, word).unwrap();
        }
        let check = |word: &str, want: &[&str]| assert_eq!(near(&connection, word).unwrap(), want, "{word}");
        check("adopton", &["adoption"]);
        check("adpation", &["adoption"]);
        check("adpatiom", &[]);
        check("counsleing", &["counseling"]);
        check("counsling", &["counseling"]);
        check("adxpt", &["adapt"]);
        check("cot", &[]);
        assert!(is_known(&connection, "cat").unwrap());
        forget(&connection, "adoption").unwrap();
        assert_eq!(near(&connection, "adopton").unwrap(), Vec::<String>::new());
        assert!(!is_known(&connection, "adoption").unwrap());
    }
}
