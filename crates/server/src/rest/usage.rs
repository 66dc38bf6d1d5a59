//! `/v1/usage`.

use axum::response::Response;
use tenancy::Operation;

use super::call::Call;
use crate::operations;

/// Read what the tenant used, by day
///
/// Includes what is not in the ledger yet. Needs the scope `admin`.
#[utoipa::path(get, path = "/v1/usage", tag = "usage", operation_id = "show_usage",
    responses((status = 200, description = "The last 31 days, and the plan's limits", body = api::Usage)))]
pub(super) async fn show_usage(call: Call) -> Response {
    call.answer(
        Operation::ShowUsage,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            operations::show_usage(call.app(), pass).await
        },
    )
    .await
}
