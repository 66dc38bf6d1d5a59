//! `/jwks`, for operators: the identity provider's keys, as they are known and read anew.

use axum::response::Response;

use super::call::Call;
use crate::operations;

/// Read what is known of the identity provider's keys
#[utoipa::path(get, path = "/jwks", tag = "administration", operation_id = "show_jwks",
    responses((status = 200, description = "The state of the keys", body = api::JwksStatus)))]
pub(super) async fn show_jwks(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        call.expect_no_query()?;
        operations::show_jwks(call.app(), pass)
    })
    .await
}

/// Read the identity provider's keys anew
///
/// New keys are found by themselves when a token names one; this is for keys that were withdrawn. When the provider
/// does not answer, `error` says so and the keys known before stay in use.
#[utoipa::path(post, path = "/jwks/refresh", tag = "administration", operation_id = "refresh_jwks",
    responses((status = 200, description = "The state of the keys now", body = api::JwksStatus)))]
pub(super) async fn refresh_jwks(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| operations::refresh_jwks(call.app(), pass).await).await
}
