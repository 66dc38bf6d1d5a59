//! Packs the memories for a task into so many tokens: what an agent pastes into its prompt.

mod line;
mod near_duplicate;
mod pack;
#[cfg(test)]
mod sample;

use std::time::Instant;

use engine::{Completeness, Explain};
use gateway::Pass;

use self::line::date;
use self::pack::{Chosen, pack};
use super::search::{find, reranker, search_query, took_ms};
use super::shape::correction_to_wire;
use super::{Done, Failure};
use crate::app::App;
use crate::decode::{ContextInput, SearchInput};

/// No line is shorter than this, so a budget never has room for more memories than one for each of these.
const TOKENS_PER_MEMORY_MIN: usize = 16;
/// Fewest memories that are looked at, so that a few near duplicates do not empty a small context.
const LOOKED_AT_MIN: usize = 10;

/// Recalls what bears on a task.
///
/// # Errors
/// [`Failure::Store`]; [`Failure::Invalid`] when a second opinion is asked for where there is none.
pub async fn recall_context(
    app: &App,
    pass: &Pass,
    input: ContextInput,
) -> Result<Done<api::Context>, Failure> {
    let started = Instant::now();
    let ContextInput { text, budget_tokens, limit, order, filter, workspace, min_score, rerank } = input;
    let reranker = reranker(app, rerank)?;
    let mut context = api::Context {
        text: String::new(),
        items: Vec::new(),
        tokens: 0,
        budget_tokens,
        left_out: api::LeftOut { near_duplicates: 0, over_budget: 0 },
        corrections: Vec::new(),
        complete: true,
        took_ms: 0.0,
    };
    let named = workspace.clone();
    if !text.trim().is_empty() {
        let looked_at =
            (budget_tokens / TOKENS_PER_MEMORY_MIN).clamp(LOOKED_AT_MIN, crate::decode::CONTEXT_LIMIT_MAX);
        let search = SearchInput {
            text,
            limit: looked_at,
            filter,
            workspace,
            min_score,
            diversity: 0.0,
            explain: Explain::No,
            rerank,
        };
        let query = search_query(app, search).await;
        let lease = app.fleet.store(pass.tenant()).await?;
        let mut found = find(&lease, pass, query, reranker).await?;
        let hits = std::mem::take(&mut found.hits);
        let packed = lease.read_heavily(move |_| Ok(pack(hits, budget_tokens, limit, order))).await?;
        context.items = packed.chosen.into_iter().map(chosen_to_wire).collect();
        context.text = packed.text;
        context.tokens = packed.tokens;
        context.left_out =
            api::LeftOut { near_duplicates: packed.near_duplicates, over_budget: packed.over_budget };
        context.corrections = found.corrections.into_iter().map(correction_to_wire).collect();
        context.complete = found.completeness == Completeness::Complete;
    }
    context.took_ms = took_ms(started);
    Ok(Done::read(context, named))
}

fn chosen_to_wire(chosen: Chosen) -> api::ContextItem {
    let Chosen { hit, line } = chosen;
    api::ContextItem {
        id: hit.memory.id,
        content: line.content().to_owned(),
        cut: line.is_cut,
        date: date(&hit.memory),
        kind: hit.memory.kind,
        source: api::ContextSource {
            actor: hit.memory.actor,
            session_id: hit.memory.session_id,
            workspace: hit.memory.workspace,
        },
        score: hit.score,
        tokens: line.tokens,
    }
}
