//! Hybrid search on one screen: read the query as it was meant, gather by words and by meaning, fuse, rank, fill, vary.

mod best;
mod candidates;
mod codes;
mod diversity;
mod explain;
mod facts;
mod feedback;
mod fill;
mod gather;
mod lend;
mod length;
mod look_up;
mod meaning;
mod neighbours;
mod plan;
mod rank;
mod reach;
mod rerank;
mod score;
mod scratch;
mod session;
mod spelling;
mod survey;
mod weights;

use std::time::{Duration, Instant};

use rusqlite::Connection;
use stdx::stage::stage;

use crate::error::EngineError;
use crate::index::Index;
use crate::query::{Completeness, SearchAnswer, SearchQuery, StageTimes};

use candidates::View;
pub use rerank::RERANKED_MAX;
pub(crate) use rerank::{before_rerank, rerank};
pub(crate) use score::Scale;
pub(crate) use scratch::Scratch;

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
    let snapshot = connection.unchecked_transaction()?;
    let meant = spelling::meant(&snapshot, index, query, until)?;
    let plan = plan::Plan::of(&meant, index, now_ms);
    if plan.is_empty() || query.limit == 0 {
        return Ok(SearchAnswer::default());
    }
    let asked = query;
    let query: &SearchQuery = &diversity::chosen_from(asked);
    let gathering = stage!("gather").entered();
    let looked_up = look_up::look_up(&snapshot, index, &plan, until)?;
    let few = fill::looked_up(&snapshot, index, query)?;
    let view = View { index, plan: &plan, allowed: few.as_deref(), now_ms };
    scratch.fit(index.slots(), survey::region(view, &looked_up.words, query.limit, until));
    let gathered = gather::gather(view, &looked_up.words, until, &mut scratch.words);
    drop(gathering);
    let gather = watch.lap();
    let ranking = stage!("rank").entered();
    let scale = score::Scale::of(&plan, looked_up.rarity);
    let ranked = rank::rank(&snapshot, view, scratch, query.limit)?;
    drop(ranking);
    let rank = watch.lap();
    let _filling = stage!("fill").entered();
    let mut filled = fill::fill(&snapshot, query, view, &ranked, scale)?;
    let mut completeness = looked_up.completeness.and(gathered);
    if filled.is_short && completeness == Completeness::Complete {
        completeness = self::completeness(until);
    }
    if filled.is_short && completeness == Completeness::Complete {
        // The best candidates were of the wrong kind: ask the filter first, then rank what it allows.
        let allowed = fill::allowed(&snapshot, index, query)?;
        let view = View { allowed: Some(&allowed), ..view };
        scratch.fit(index.slots(), survey::region(view, &looked_up.words, query.limit, until));
        completeness = gather::gather(view, &looked_up.words, until, &mut scratch.words);
        let ranked = rank::rank(&snapshot, view, scratch, query.limit)?;
        filled = fill::fill(&snapshot, query, view, &ranked, scale)?;
    }
    let hits = diversity::diversify(index, &scratch.codes, asked, filled.hits);
    scratch.clear();
    let stages = StageTimes { gather, rank, fill: watch.lap() };
    let spelling::Meant { query: meant, corrections, .. } = meant;
    let meant = (!corrections.is_empty()).then(|| meant.into_owned().text);
    Ok(SearchAnswer { hits, corrections, meant, completeness, stages, scale })
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
