//! The formula in one place: what one point of each signal is worth, and each signal of a memory by name.
//!
//! docs/retrieval.md has each signal's reason, what it was tuned on and what it was worth.

use crate::analysis::Writing;
use crate::query::Ranking;

/// What one point of each signal is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weights {
    /// Words of the query, by rarity; a neighbour's hit counts in part.
    pub(super) keywords: f32,
    /// Words near to those of the query, by rarity and nearness.
    pub(super) related: f32,
    /// Cosine with the query, helped by the neighbours' cosines.
    pub(super) meaning: f32,
    /// Logarithm of the words outside questions.
    pub(super) stated: f32,
    /// The query names who said it.
    pub(super) actor: f32,
    /// The query speaks of the day it happened.
    pub(super) date: f32,
    /// What the writer thought of it, around 0.
    pub(super) importance: f32,
    /// How lately it happened.
    pub(super) recency: f32,
    /// Cosine with the best memories so far.
    pub(super) alike: f32,
    /// How much better than the mean the memories around it in its session are.
    pub(super) session: f32,
}

const HYBRID: Weights = Weights {
    keywords: 0.45,
    related: 0.25,
    meaning: 4.5,
    stated: 0.5,
    actor: 2.0,
    date: 3.0,
    importance: 1.0,
    recency: 0.1,
    alike: 1.0,
    session: 0.2,
};
/// Cosine with the query by a slower model; see `rerank.rs`.
pub(super) const RERANK: f32 = 2.0;

const BM25: Weights = Weights {
    keywords: 1.0,
    related: 0.0,
    meaning: 0.0,
    stated: 0.0,
    actor: 0.0,
    date: 0.0,
    importance: 0.0,
    recency: 0.0,
    alike: 0.0,
    session: 0.0,
};

/// What is left of `meaning` and `alike` where the model hardly knows the writing of the query.
const MEANING_OF_STRANGE_WRITING: f32 = 0.2;
/// `stated` of a query in characters: ten of them say what a sentence of words does.
const STATED_OF_CHARACTERS: f32 = 0.2;

impl Weights {
    /// Those of a query that is written so, and whose vector is by a model that knows the writing, or hardly.
    pub(super) fn of(ranking: Ranking, writing: Writing, is_known: bool) -> Self {
        let mut weights = match ranking {
            Ranking::Hybrid => HYBRID,
            Ranking::Bm25 => return BM25,
        };
        if writing == Writing::Characters {
            weights.stated = STATED_OF_CHARACTERS;
        }
        if !is_known {
            weights.meaning *= MEANING_OF_STRANGE_WRITING;
            weights.alike *= MEANING_OF_STRANGE_WRITING;
        }
        weights
    }
}

/// Words beyond this many state no more (`ln 30`): a bound, so that length alone never wins.
pub(super) const STATED_MAX: f32 = 3.4;

/// Every signal of one memory for one query.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Signals {
    pub(super) keywords: f32,
    pub(super) related: f32,
    pub(super) meaning: f32,
    pub(super) stated: f32,
    pub(super) actor: f32,
    pub(super) date: f32,
    pub(super) importance: f32,
    pub(super) recency: f32,
    pub(super) alike: f32,
    pub(super) session: f32,
}

impl Signals {
    /// Name, value and weight of each, in the order of the pipeline.
    pub(super) fn named(&self, weights: &Weights) -> [(&'static str, f32, f32); 10] {
        [
            ("keywords", self.keywords, weights.keywords),
            ("related", self.related, weights.related),
            ("meaning", self.meaning, weights.meaning),
            ("stated", self.stated, weights.stated),
            ("actor", self.actor, weights.actor),
            ("date", self.date, weights.date),
            ("importance", self.importance, weights.importance),
            ("recency", self.recency, weights.recency),
            ("alike", self.alike, weights.alike),
            ("session", self.session, weights.session),
        ]
    }

    /// The weighted sum.
    pub(super) fn sum(&self, weights: &Weights) -> f32 {
        self.named(weights).iter().map(|(_, value, weight)| value * weight).sum()
    }
}
