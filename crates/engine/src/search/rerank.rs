//! A second opinion on the best hits, on request: cosines of a slower model, asked outside of the search, enter the sum
//! as one more signal.

use rusqlite::Connection;

use super::codes::Codes;
use super::diversity::{chosen_from, diversify};
use super::explain::signal;
use super::weights::RERANK;
use crate::error::EngineError;
use crate::index::{Index, Slot};
use crate::query::{SearchAnswer, SearchQuery};

/// Best hits that a second opinion is asked of: they hold 85 % of what answers a question (thirty would hold 89), and a
/// text costs the slower model some 14 ms.
pub const RERANKED_MAX: usize = 20;

/// The query whose hits a second opinion is asked of; what leaves hits out is asked after it.
pub(crate) fn before_rerank(query: &SearchQuery) -> SearchQuery {
    let limit = chosen_from(query).limit.max(RERANKED_MAX);
    SearchQuery { limit, min_score: None, diversity: 0.0, ..query.clone() }
}

/// Adds `cosines`, one for each of the best hits, to what the search found, and leaves what `query` asks for. Hits
/// without one stay behind those that have one; without any, they stay as they are.
///
/// # Errors
/// When the vectors that diversity compares cannot be read.
pub(crate) fn rerank(
    connection: &Connection,
    index: Option<&Index>,
    query: &SearchQuery,
    mut answer: SearchAnswer,
    cosines: &[f32],
) -> Result<SearchAnswer, EngineError> {
    if !cosines.is_empty() {
        answer.scale = answer.scale.beside(RERANK);
        for (hit, cosine) in answer.hits.iter_mut().zip(cosines) {
            let cosine = if cosine.is_nan() { 0.0 } else { cosine.clamp(0.0, 1.0) };
            hit.raw += cosine * RERANK;
            if let Some(explanation) = &mut hit.explanation {
                explanation.signals.push(signal(("rerank", cosine, RERANK)));
                explanation.raw = explanation.signals.iter().map(|signal| signal.contribution).sum();
            }
        }
        for hit in &mut answer.hits {
            hit.score = answer.scale.score(hit.raw);
        }
        answer.hits.sort_by(|a, b| b.raw.total_cmp(&a.raw));
    }
    answer.hits.retain(|hit| query.min_score.is_none_or(|least| hit.score >= least));
    // An index released this very moment tells nothing of likeness.
    if let Some(index) = index {
        let mut codes = Codes::default();
        if query.diversity > 0.0 {
            let slots: Vec<Slot> = answer.hits.iter().filter_map(|hit| index.slot(hit.memory.id)).collect();
            codes.read(connection, index, &slots)?;
        }
        answer.hits = diversify(index, &codes, query, answer.hits);
    }
    answer.hits.truncate(query.limit);
    Ok(answer)
}
