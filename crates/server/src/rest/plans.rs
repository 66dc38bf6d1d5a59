//! `/plans`, for operators.

use axum::response::Response;

use super::call::Call;
use crate::decode;
use crate::operations;

/// List plans
#[utoipa::path(get, path = "/plans", tag = "administration", operation_id = "list_plans",
    responses((status = 200, description = "By name", body = api::PlanList)))]
pub(super) async fn list_plans(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        call.expect_no_query()?;
        operations::list_plans(call.app(), pass).await
    })
    .await
}

/// Change the limits of a plan, or of one tenant alone
///
/// An absent limit stays as it is, `null` is no limit.
#[utoipa::path(post, path = "/plans", tag = "administration", operation_id = "set_plan",
    request_body = api::SetPlan,
    responses((status = 200, description = "The limits from now on", body = api::Plan)))]
pub(super) async fn set_plan(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let input = decode::set_plan(call.json().await?)?;
        operations::set_plan(call.app(), pass, input).await
    })
    .await
}
