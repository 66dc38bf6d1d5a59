//! `/load`, for operators: what this process is busy with, and what is narrowed in it.

use axum::response::Response;

use super::call::Call;
use crate::decode;
use crate::operations;

/// See what the process is busy with
///
/// The routes of the last minutes, slowest first, and what is narrowed.
#[utoipa::path(get, path = "/load", tag = "administration", operation_id = "show_load",
    responses((status = 200, description = "Now", body = api::Load)))]
pub(super) async fn show_load(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        call.expect_no_query()?;
        operations::show_load(call.app(), pass).await
    })
    .await
}

/// Turn a class of requests away, or bound one tenant
///
/// Holds for this process until it ends. Administration is always served.
#[utoipa::path(patch, path = "/load", tag = "administration", operation_id = "change_load",
    request_body = api::ChangeLoad,
    responses((status = 200, description = "From now on", body = api::Load)))]
pub(super) async fn change_load(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let change = decode::change_load(call.json().await?)?;
        operations::change_load(call.app(), pass, change).await
    })
    .await
}
