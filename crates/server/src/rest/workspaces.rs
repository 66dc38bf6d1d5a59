//! `/v1/workspaces`.

use axum::response::Response;
use tenancy::Operation;

use super::call::Call;
use crate::operations;

/// List workspaces
#[utoipa::path(get, path = "/v1/workspaces", tag = "workspaces", operation_id = "list_workspaces",
    responses((status = 200, description = "Every workspace", body = api::WorkspaceList)))]
pub(super) async fn list_workspaces(call: Call) -> Response {
    call.answer(
        Operation::ListWorkspaces,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            operations::list_workspaces(call.app(), pass).await
        },
    )
    .await
}
