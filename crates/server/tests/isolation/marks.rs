//! Words that no two tenants share, and who knows which: one in the wrong answer proves a leak.

use std::collections::{HashMap, HashSet};

/// What a word is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// What somebody remembered: nobody else's business, the operator's included.
    Memory,
    /// A name or an id; operators may see it.
    Handle,
}

/// Every word, its owner, and who has said it.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    owners: HashMap<String, (usize, Class)>,
    /// By caller: words that they said themselves, and may therefore hear again.
    said: HashMap<usize, HashSet<String>>,
    minted: u32,
}

/// A word that came to somebody it does not belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leak {
    pub(crate) word: String,
    pub(crate) owner: usize,
    pub(crate) class: Class,
}

impl Marks {
    /// A new word of `owner`: lower case, fit for names of every kind.
    pub(crate) fn mint(&mut self, owner: usize, name: &str, class: Class) -> String {
        self.minted += 1;
        let word = format!("{name}{:05}", self.minted);
        self.claim(&word, owner, class);
        word
    }

    /// Notes that a word (an id that the service made) is `owner`'s, unless somebody had it before.
    pub(crate) fn claim(&mut self, word: &str, owner: usize, class: Class) {
        self.owners.entry(word.to_owned()).or_insert((owner, class));
    }

    /// Notes what a caller says.
    pub(crate) fn say(&mut self, caller: usize, text: &str) {
        let said = self.said.entry(caller).or_default();
        for word in words(text).filter(|word| self.owners.contains_key(*word)) {
            said.insert(word.to_owned());
        }
    }

    /// Whether a caller has said a word before.
    pub(crate) fn has_said(&self, caller: usize, word: &str) -> bool {
        self.said.get(&caller).is_some_and(|said| said.contains(word))
    }

    /// The words in an answer that belong to others and that the caller never said.
    pub(crate) fn leaks(&self, caller: usize, answer: &str) -> Vec<Leak> {
        let owned = words(answer).filter_map(|word| Some((word, self.owners.get(word)?)));
        owned
            .filter(|(word, (owner, _))| *owner != caller && !self.has_said(caller, word))
            .map(|(word, (owner, class))| Leak { word: word.to_owned(), owner: *owner, class: *class })
            .collect()
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[test]
fn a_word_of_somebody_else_is_a_leak_until_the_caller_said_it() {
    let mut marks = Marks::default();
    let mine = marks.mint(0, "rowan", Class::Handle);
    let theirs = marks.mint(1, "sorrel", Class::Memory);
    marks.claim("key_0190b6d3", 1, Class::Handle);
    let found = |marks: &Marks, text: &str| {
        marks.leaks(0, text).into_iter().map(|leak| leak.word).collect::<Vec<_>>()
    };
    assert_eq!(found(&marks, &format!("{{\"a\":\"{mine}\"}}")), [""; 0]);
    assert_eq!(found(&marks, &format!("code {theirs}, \"key_0190b6d3\"")), [&*theirs, "key_0190b6d3"]);
    marks.say(0, &format!("/v1/memories?user_id={theirs}"));
    assert_eq!(found(&marks, &theirs), [""; 0]);
    assert_eq!(marks.leaks(2, &theirs).len(), 1);
}
