//! What a query asks for: terms without question words, people it names, times it speaks of.

use std::collections::HashSet;

use crate::analysis::{self, Token};
use crate::cues::{self, DateCue};
use crate::index::Index;
use crate::query::{Ranking, SearchQuery};
use crate::vector::Quantized;

/// Distinct terms a search looks up; the rest of a 10 kB query adds cost, not sense.
const TERMS_MAX: usize = 64;

/// A query, analysed.
pub(super) struct Plan {
    pub(super) terms: Vec<Token>,
    pub(super) vector: Option<Quantized>,
    /// Numbers of the actors the query names.
    pub(super) actors: Vec<u32>,
    /// Terms that are names of actors.
    pub(super) names: HashSet<String>,
    pub(super) dates: Vec<DateCue>,
    pub(super) ranking: Ranking,
}

impl Plan {
    pub(super) fn of(query: &SearchQuery, index: &Index, now_ms: i64) -> Self {
        let mut plan = Self {
            terms: terms(&query.text),
            vector: None,
            actors: Vec::new(),
            names: HashSet::new(),
            dates: Vec::new(),
            ranking: query.ranking,
        };
        if query.ranking == Ranking::Bm25 || query.text.trim().is_empty() {
            return plan;
        }
        plan.vector = query.embedded.as_ref().map(|e| Quantized::of(&e.values)).filter(|v| v.scale > 0.0);
        plan.dates = cues::dates(&query.text, now_ms);
        for token in &plan.terms {
            let actors = index.actors_named(&token.word);
            if !actors.is_empty() {
                plan.actors.extend(actors);
                plan.names.insert(token.term.clone());
            }
        }
        plan
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.vector.is_none()
    }
}

/// Distinct terms that say what is asked for; all of them when every word is a question word.
fn terms(text: &str) -> Vec<Token> {
    let mut seen = HashSet::new();
    let tokens: Vec<Token> =
        analysis::tokens(text).into_iter().filter(|token| seen.insert(token.term.clone())).collect();
    let telling: Vec<Token> =
        tokens.iter().filter(|token| !analysis::is_stop_word(&token.word)).take(TERMS_MAX).cloned().collect();
    if telling.is_empty() { tokens.into_iter().take(TERMS_MAX).collect() } else { telling }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let found: Vec<_> = terms(text).into_iter().map(|token| token.term).collect();
        assert_eq!(found.join(" "), want, "{text:?}");
    }

    #[test]
    fn question_words_are_dropped_unless_there_is_nothing_else() {
        check("When did Caroline go to the support group?", "carolin go support group");
        check("who is it", "who is it");
        check("who are the The", "who are the");
        check("run running runs", "run");
        check(" ?! ", "");
    }

    #[test]
    fn long_queries_are_cut() {
        let text: Vec<_> = (0..10_000).map(|i| format!("w{i}")).collect();
        assert_eq!(terms(&text.join(" ")).len(), TERMS_MAX);
    }
}
