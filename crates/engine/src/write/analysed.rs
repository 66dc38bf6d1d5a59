//! A memory's text as the keyword index and the vocabulary want it.

use std::collections::BTreeSet;

use crate::{analysis, stated};

/// A memory's text, and its actor's name, as the indexes want them: who speaks is rarely in the words.
pub(crate) struct Analysed {
    /// Distinct terms, separated by blanks.
    pub(super) terms: String,
    /// Distinct surface forms.
    pub(super) words: BTreeSet<String>,
    pub(super) tokens: u32,
    /// Words outside questions.
    pub(super) stated: u32,
}

/// Analyses a memory's text; the dearest part of a write, so it is done before the writer is asked.
pub(crate) fn analyse(content: &str, actor: Option<&str>) -> Analysed {
    let own = analysis::tokens(content);
    let tokens = u32::try_from(own.len()).unwrap_or(u32::MAX);
    let named = analysis::tokens(actor.unwrap_or_default());
    let (mut terms, mut words): (Vec<_>, Vec<_>) =
        own.into_iter().chain(named).map(|token| (token.term, token.word)).unzip();
    terms.sort_unstable();
    terms.dedup();
    words.sort_unstable();
    Analysed {
        terms: terms.join(" "),
        words: words.into_iter().collect(),
        tokens,
        stated: stated::words(content),
    }
}
