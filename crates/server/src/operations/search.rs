//! Finds memories by words and meaning.

use std::sync::Arc;
use std::time::{Duration, Instant};

use embedding::Reranker;
use engine::{Completeness, Ranking, SearchAnswer, SearchQuery, StageTimes};
use fleet::Lease;
use gateway::Pass;
use stdx::stage::stage;
use tracing::Instrument;

use super::shape::{correction_to_wire, hit_to_wire};
use super::{Done, Failure};
use crate::app::App;
use crate::decode::{Rerank, SearchInput};
use crate::vectors::Vectors;

/// After this long a search answers with what it has.
const SEARCH_DEADLINE: Duration = Duration::from_secs(3);

/// Searches the caller's memories. Without a vector for the query (a remote model that is down) it goes by
/// words alone.
///
/// # Errors
/// [`Failure::Store`]; [`Failure::Invalid`] when a second opinion is asked for where there is none.
pub async fn search(app: &App, pass: &Pass, input: SearchInput) -> Result<Done<api::SearchAnswer>, Failure> {
    let started = Instant::now();
    let reranker = reranker(app, input.rerank)?;
    let workspace = input.workspace.clone();
    let mut answer =
        api::SearchAnswer { items: Vec::new(), corrections: Vec::new(), complete: true, took_ms: 0.0 };
    if !input.text.trim().is_empty() {
        let lease = app.fleet.store(pass.tenant()).await?;
        let query = search_query(app, input).await;
        let found = find(&lease, pass, query, reranker).await?;
        answer.items = found.hits.into_iter().map(hit_to_wire).collect();
        answer.corrections = found.corrections.into_iter().map(correction_to_wire).collect();
        answer.complete = found.completeness == Completeness::Complete;
    }
    answer.took_ms = took_ms(started);
    Ok(Done::read(answer, workspace))
}

/// Who is asked for a second opinion, if that is wished for.
///
/// # Errors
/// [`Failure::Invalid`] where there is nobody.
pub(super) fn reranker(app: &App, rerank: Rerank) -> Result<Option<&Reranker>, Failure> {
    match (rerank, &app.reranker) {
        (Rerank::No, _) => Ok(None),
        (Rerank::Yes, Some(reranker)) => Ok(Some(reranker)),
        (Rerank::Yes, None) => Err(Failure::field(
            "rerank",
            "is not offered by this service: leave it out, or have the operator set embedding.rerank_model",
        )),
    }
}

/// Searches, and asks for a second opinion where there is somebody to ask. Without time for it the hits stay as they are,
/// and the answer is not complete.
pub(super) async fn find(
    lease: &Lease,
    pass: &Pass,
    query: SearchQuery,
    reranker: Option<&Reranker>,
) -> Result<SearchAnswer, Failure> {
    let Some(reranker) = reranker else {
        let found =
            lease.read_heavily(move |store| store.search(&query)).instrument(stage!("search")).await?;
        stages_took(found.stages);
        return Ok(found);
    };
    let first = query.before_rerank();
    let mut found =
        lease.read_heavily(move |store| store.search(&first)).instrument(stage!("search")).await?;
    stages_took(found.stages);
    let cosines = second_opinion(reranker, pass, &query, &mut found).instrument(stage!("rerank")).await;
    Ok(lease.read(move |store| store.rerank(&query, found, &cosines)).await?)
}

/// Cosines of the best hits; none when there was no time.
async fn second_opinion(
    reranker: &Reranker,
    pass: &Pass,
    query: &SearchQuery,
    found: &mut SearchAnswer,
) -> Vec<f32> {
    let started = Instant::now();
    let text = found.meant.as_deref().unwrap_or(&query.text);
    let best = found.hits.iter().take(engine::RERANKED_MAX);
    let best: Vec<&str> = best.map(|hit| hit.memory.content.as_str()).collect();
    let cosines = reranker.cosines(&pass.tenant().to_string(), text, &best).await;
    stage_took("rerank", started.elapsed());
    cosines.unwrap_or_else(|error| {
        tracing::warn!(%error, "no second opinion; the hits stay as they are");
        found.completeness = Completeness::DeadlineReached;
        Vec::new()
    })
}

/// What the engine is asked, with the vector of the text.
pub(super) async fn search_query(app: &App, input: SearchInput) -> SearchQuery {
    SearchQuery {
        embedded: app.vectors.of_query(&input.text).await,
        near_words: app.vectors.near_words(&input.text),
        reader: Some(Arc::<Vectors>::clone(&app.vectors)),
        text: input.text,
        workspace: input.workspace,
        filter: input.filter,
        limit: input.limit,
        min_score: input.min_score,
        diversity: input.diversity,
        explain: input.explain,
        ranking: Ranking::Hybrid,
        deadline: Some(SEARCH_DEADLINE),
    }
}

/// Milliseconds since `started`. Microseconds are enough; more digits would only be noise.
pub(super) fn took_ms(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

/// Measures each stage apart.
fn stages_took(stages: StageTimes) {
    for (stage, time) in [("gather", stages.gather), ("rank", stages.rank), ("fill", stages.fill)] {
        stage_took(stage, time);
    }
}

fn stage_took(stage: &'static str, time: Duration) {
    metrics::histogram!("engram_search_stage_duration_seconds", "stage" => stage).record(time.as_secs_f64());
}
