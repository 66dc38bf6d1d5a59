//! `/v1/search` and `/v1/context`.

use axum::response::Response;
use tenancy::Operation;

use super::call::Call;
use crate::decode::{self, Form};
use crate::operations;

/// Find memories by words and meaning
///
/// Keywords, vectors and typo tolerance in one ranking. A blank query finds nothing.
#[utoipa::path(post, path = "/v1/search", tag = "search", operation_id = "search",
    request_body = api::Search,
    responses((status = 200, description = "Best first", body = api::SearchAnswer)))]
pub(super) async fn search(call: Call) -> Response {
    call.answer(
        Operation::Search,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            let input = decode::search(call.json().await?, Form::Json)?;
            operations::search(call.app(), pass, input).await
        },
    )
    .await
}

/// Find memories, with the query in the URL
#[utoipa::path(get, path = "/v1/search", tag = "search", operation_id = "search_by_url",
    params(
        ("q" = String, Query, description = "What is looked for."),
        ("limit" = Option<u32>, Query, description = "1 to 100; 10 unless said.", minimum = 1, maximum = 100),
        ("workspace" = Option<String>, Query, description = "Only this workspace."),
        ("filters" = Option<String>, Query, description = "A filter, as JSON text."),
        ("min_score" = Option<f64>, Query, description = "Only hits with at least this score.", minimum = 0, maximum = 1),
        ("diversity" = Option<f64>, Query, description = "How much novelty counts beside the score; 0 unless said.", minimum = 0, maximum = 1),
        ("explain" = Option<bool>, Query, description = "Whether to say where each score comes from."),
        ("rerank" = Option<bool>, Query, description = "Whether a second, slower model is asked about the best twenty; refused where the service has none.")),
    responses((status = 200, description = "Best first", body = api::SearchAnswer)))]
pub(super) async fn search_by_url(call: Call) -> Response {
    call.answer(
        Operation::Search,
        |_| 200,
        async |call, pass| {
            let input = decode::search(call.query()?, Form::Query)?;
            operations::search(call.app(), pass, input).await
        },
    )
    .await
}

/// Recall what bears on a task
///
/// The best memories that fit into a budget of tokens, without near duplicates, each with its date and source, and one
/// text that is ready to paste. Tokens are estimated. A blank query recalls nothing. Counts as a search.
#[utoipa::path(post, path = "/v1/context", tag = "search", operation_id = "recall_context",
    request_body = api::RecallContext,
    responses((status = 200, description = "What is remembered", body = api::Context)))]
pub(super) async fn recall_context(call: Call) -> Response {
    call.answer(
        Operation::RecallContext,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            let input = decode::recall_context(call.json().await?)?;
            operations::recall_context(call.app(), pass, input).await
        },
    )
    .await
}
