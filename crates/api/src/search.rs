//! Searches on the wire.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::Memory;

/// A search over words and meaning.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Search {
    /// What is looked for, in plain words; a blank one finds nothing.
    #[schema(example = "what does Anna like to drink?")]
    pub query: String,
    /// 1 to 100; 10 unless said.
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// Only memories this filter matches.
    #[schema(value_type = Option<Object>)]
    pub filters: Option<Map<String, Value>>,
    /// Only this workspace; all of them when absent.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub workspace: Option<String>,
    /// Only hits with at least this score.
    #[schema(minimum = 0, maximum = 1)]
    pub min_score: Option<f64>,
    /// How much a hit's novelty counts beside its score, 0 (not at all, unless said) to 1 (alone).
    #[schema(minimum = 0, maximum = 1)]
    pub diversity: Option<f64>,
    /// Whether to say where each score comes from.
    pub explain: Option<bool>,
    /// Whether a second, slower model is asked about the best twenty; refused where the service has none.
    pub rerank: Option<bool>,
}

/// What was found, best first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchAnswer {
    /// The hits.
    pub items: Vec<SearchHit>,
    /// Misspelt words, and what was searched instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<CorrectedWord>,
    /// `false` when the search ran out of time (for `rerank`, too) and better hits may exist.
    pub complete: bool,
    /// Milliseconds the search took in the service.
    #[schema(example = 1.2)]
    pub took_ms: f64,
}

/// One memory found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchHit {
    /// The memory.
    pub memory: Memory,
    /// 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.87)]
    pub score: f64,
    /// Where the score comes from, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explanation>,
}

/// Where a score comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// Sum of all contributions, before it is mapped to 0-1.
    pub raw: f64,
    /// Each signal's part.
    pub signals: Vec<Signal>,
    /// Words of the query (stemmed) that the memory holds.
    pub matched_terms: Vec<String>,
    /// How like the hit is to the nearest one before it (cosine), where diversity was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<f64>,
}

/// One signal's part in a score.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Signal {
    /// Its name, such as `keywords` or `meaning`.
    #[schema(example = "meaning")]
    pub name: &'static str,
    /// Its own value.
    pub value: f64,
    /// Its weight.
    pub weight: f64,
    /// `value * weight`.
    pub contribution: f64,
}

/// A misspelt word and what was searched instead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CorrectedWord {
    /// The word of the query.
    pub from: String,
    /// The word that was meant: one of the store, else one that everybody knows.
    pub to: String,
}
