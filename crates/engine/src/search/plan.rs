//! What a query asks for: terms without question words, words near to them, people it names, times it speaks of.

use super::length::Lengths;
use super::spelling::Meant;
use super::weights::Weights;
use crate::analysis::{self, Token, Writing};
use crate::cues::{self, DateCue};
use crate::index::Index;
use crate::query::{NearWord, Ranking};
use crate::vector::{Quantized, Signs};

/// Near words followed for one term; the nearest first.
const NEAR_PER_TERM_MAX: usize = 8;
/// Near words followed in all: each is a look into the postings.
const NEAR_MAX: usize = 48;

/// A corrected word counts less than one spelt right.
const CORRECTED_WEIGHT: f32 = 0.85;

/// A query, analysed.
pub(super) struct Plan {
    pub(super) terms: Vec<Asked>,
    pub(super) vector: Option<Quantized>,
    /// The signs of the same vector.
    pub(super) signs: Option<Signs>,
    /// Numbers of the actors the query names, ascending.
    pub(super) actors: Vec<u32>,
    pub(super) dates: Vec<DateCue>,
    pub(super) ranking: Ranking,
    pub(super) weights: Weights,
    pub(super) lengths: Lengths,
}

/// One term of the query.
pub(super) struct Asked {
    pub(super) token: Token,
    /// What a hit counts, 1 unless the word was corrected.
    pub(super) weight: f32,
    /// Terms near to it, nearest first, without its own.
    pub(super) near: Vec<Near>,
}

/// A term that means nearly what an asked one means.
#[derive(Debug, PartialEq)]
pub(super) struct Near {
    pub(super) term: String,
    pub(super) cosine: f32,
}

impl Plan {
    pub(super) fn of(meant: &Meant<'_>, index: &Index, now_ms: i64) -> Self {
        let query = &meant.query;
        let writing = Writing::of(&query.text);
        let is_known = query.reader.as_ref().is_none_or(|reader| reader.knows_writing_of(&query.text));
        let asked = |token: &Token| {
            let is_corrected = meant.corrections.iter().any(|correction| correction.to == token.word);
            let weight = if is_corrected { CORRECTED_WEIGHT } else { 1.0 };
            Asked { weight, token: token.clone(), near: Vec::new() }
        };
        let mut plan = Self {
            terms: meant.tokens.iter().map(asked).collect(),
            vector: None,
            signs: None,
            actors: Vec::new(),
            dates: Vec::new(),
            ranking: query.ranking,
            weights: Weights::of(query.ranking, writing, is_known),
            lengths: Lengths::of(query.ranking, writing, is_known, index.mean_tokens()),
        };
        if query.ranking == Ranking::Bm25 || query.text.trim().is_empty() {
            return plan;
        }
        let embedded = query.embedded.as_ref().filter(|embedded| {
            index.speaks(&embedded.model) && embedded.values.len() == embedded.model.dimensions
        });
        plan.vector = embedded.map(|e| Quantized::of(&e.values)).filter(|v| v.scale > 0.0);
        plan.signs = plan.vector.as_ref().map(|vector| Signs::of(&vector.codes));
        plan.dates = cues::dates(&query.text, now_ms);
        let mut followed = 0;
        for asked in &mut plan.terms {
            plan.actors.extend(index.actors_named(&asked.token.word));
            asked.near = near(&asked.token, &query.near_words, NEAR_MAX - followed);
            followed += asked.near.len();
        }
        if cues::is_about_the_asker(&query.text) {
            plan.actors.extend(index.askers());
        }
        // Two words may be of one name.
        plan.actors.sort_unstable();
        plan.actors.dedup();
        plan
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.vector.is_none()
    }
}

/// The terms near to `token`, each once.
fn near(token: &Token, words: &[NearWord], most: usize) -> Vec<Near> {
    let mut near: Vec<Near> = Vec::new();
    let of_token = words.iter().filter(|near| near.of == token.word && near.cosine > 0.0);
    for (word, cosine) in of_token.map(|near| (&near.word, near.cosine.min(1.0))) {
        // A phrase is no term, and no text may become query syntax.
        let mut parts = analysis::tokens(word).into_iter();
        let (Some(part), None) = (parts.next(), parts.next()) else { continue };
        match near.iter_mut().find(|known| known.term == part.term) {
            Some(known) => known.cosine = known.cosine.max(cosine),
            None if part.term == token.term => {}
            None => near.push(Near { term: part.term, cosine }),
        }
    }
    near.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    near.truncate(most.min(NEAR_PER_TERM_MAX));
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near_word(word: &'static str, cosine: f32) -> NearWord {
        NearWord { of: "car".into(), word: word.into(), cosine }
    }

    #[test]
    fn near_words_become_terms_each_once_and_without_the_word_itself() {
        let words = [
            near_word("cars", 0.9),
            near_word("vehicle", 0.7),
            near_word("automobile", 0.8),
            near_word("vehicles", 0.75),
            near_word("motor car", 0.9),
            near_word("\" *", 0.9),
            NearWord { of: "dog".into(), word: "puppy".into(), cosine: 0.8 },
        ];
        let token = Token { word: "car".into(), term: "car".into() };
        let found = near(&token, &words, 10);
        let found: Vec<_> = found.iter().map(|near| (near.term.as_str(), near.cosine)).collect();
        assert_eq!(found, [("automobil", 0.8), ("vehicl", 0.75)]);
        assert_eq!(near(&token, &words, 1).len(), 1);
    }
}
