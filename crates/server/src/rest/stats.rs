//! `/v1/stats`.

use axum::response::Response;
use tenancy::Operation;

use super::call::Call;
use crate::operations;

/// Count what is stored
#[utoipa::path(get, path = "/v1/stats", tag = "workspaces", operation_id = "stats",
    responses((status = 200, description = "What the tenant has stored", body = api::Stats)))]
pub(super) async fn stats(call: Call) -> Response {
    call.answer(
        Operation::Stats,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            operations::stats(call.app(), pass).await
        },
    )
    .await
}
