//! Finds memories by words and meaning.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Completeness, Ranking, SearchQuery, StageTimes};
use gateway::Pass;
use stdx::stage::stage;
use tracing::Instrument;

use super::shape::{correction_to_wire, hit_to_wire};
use super::{Done, Failure};
use crate::app::App;
use crate::decode::SearchInput;
use crate::vectors::Vectors;

/// After this long a search answers with what it has.
const SEARCH_DEADLINE: Duration = Duration::from_secs(3);

/// Searches the caller's memories. Without a vector for the query (a remote model that is down) it goes by
/// words alone.
///
/// # Errors
/// [`Failure::Store`].
pub async fn search(app: &App, pass: &Pass, input: SearchInput) -> Result<Done<api::SearchAnswer>, Failure> {
    let started = Instant::now();
    let workspace = input.workspace.clone();
    let mut answer =
        api::SearchAnswer { items: Vec::new(), corrections: Vec::new(), complete: true, took_ms: 0.0 };
    if !input.text.trim().is_empty() {
        let lease = app.fleet.store(pass.tenant()).await?;
        let query = search_query(app, input).await;
        let found =
            lease.read_heavily(move |store| store.search(&query)).instrument(stage!("search")).await?;
        stages_took(found.stages);
        answer.items = found.hits.into_iter().map(hit_to_wire).collect();
        answer.corrections = found.corrections.into_iter().map(correction_to_wire).collect();
        answer.complete = found.completeness == Completeness::Complete;
    }
    answer.took_ms = took_ms(started);
    Ok(Done::read(answer, workspace))
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
pub(super) fn stages_took(stages: StageTimes) {
    for (stage, time) in [("gather", stages.gather), ("rank", stages.rank), ("fill", stages.fill)] {
        metrics::histogram!("engram_search_stage_duration_seconds", "stage" => stage)
            .record(time.as_secs_f64());
    }
}
