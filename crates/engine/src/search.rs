//! Hybrid search on one screen: analyse the query, gather by words and by meaning, fuse, rank, fill.

mod candidates;
mod explain;
mod facts;
mod feedback;
mod fill;
mod gather;
mod length;
mod neighbours;
mod plan;
mod rank;
mod score;
mod session;
mod weights;

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::EngineError;
use crate::index::Index;
use crate::query::{Completeness, SearchAnswer, SearchQuery, StageTimes};

pub(crate) use gather::Scratch;

/// Answers `query` from one snapshot of the file and the index beside it.
pub(crate) fn search(
    connection: &Connection,
    index: &Index,
    query: &SearchQuery,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Result<SearchAnswer, EngineError> {
    let until = query.deadline.map(|deadline| Instant::now() + deadline);
    let mut watch = Stopwatch::start();
    let plan = plan::Plan::of(query, index, now_ms);
    if plan.is_empty() || query.limit == 0 {
        return Ok(SearchAnswer::default());
    }
    let snapshot = connection.unchecked_transaction()?;
    let gathered = gather::gather(&snapshot, index, &plan, until, scratch)?;
    let gather = watch.lap();
    let scale = score::Scale::of(&plan, gathered.words);
    let mut allowed = fill::allowed_if_few(&snapshot, index, query)?;
    let ranked = rank::rank(index, &plan, scratch, allowed.as_deref(), now_ms, query.limit);
    let rank = watch.lap();
    let mut hits = fill::fill(&snapshot, index, query, &plan, (&ranked, scale), allowed.is_some(), now_ms)?;
    if hits.len() < query.limit && fill::is_filtered(query) && allowed.is_none() {
        // The best candidates were of the wrong kind: ask the filter first, then rank what it allows.
        allowed = Some(fill::allowed(&snapshot, index, query)?);
        let ranked = rank::rank(index, &plan, scratch, allowed.as_deref(), now_ms, query.limit);
        hits = fill::fill(&snapshot, index, query, &plan, (&ranked, scale), true, now_ms)?;
    }
    scratch.clear();
    let stages = StageTimes { gather, rank, fill: watch.lap() };
    let (corrections, completeness) = (gathered.corrections, gathered.completeness);
    Ok(SearchAnswer { hits, corrections, completeness, stages })
}

/// Time between two looks.
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the last look.
    fn lap(&mut self) -> Duration {
        let last = std::mem::replace(&mut self.0, Instant::now());
        self.0.duration_since(last)
    }
}

/// Whether a stage may still start.
fn completeness(until: Option<Instant>) -> Completeness {
    match until {
        Some(until) if Instant::now() >= until => Completeness::DeadlineReached,
        Some(_) | None => Completeness::Complete,
    }
}
