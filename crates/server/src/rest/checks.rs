//! `/checks`, for operators: the playbook, run.

use axum::response::Response;

use super::call::Call;
use crate::decode;
use crate::operations;

/// Run every check of the playbook
///
/// Each finding names the page that says what to do. A tenant that is named has the integrity of its file checked too.
#[utoipa::path(get, path = "/checks", tag = "administration", operation_id = "run_checks",
    params(("tenant" = Option<String>, Query, description = "Reads the whole file of this tenant too.")),
    responses((status = 200, description = "What was found", body = api::Checks)))]
pub(super) async fn run_checks(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let tenant = decode::checks_of(call.query()?)?;
        operations::run_checks(call.app(), pass, tenant).await
    })
    .await
}

/// Repair what can be repaired without harm
///
/// Reads the identity provider's keys anew, opens stores again that did not open, sends usage events that wait.
#[utoipa::path(post, path = "/checks/repair", tag = "administration", operation_id = "repair",
    responses((status = 200, description = "What is found afterwards", body = api::Checks)))]
pub(super) async fn repair(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| operations::repair(call.app(), pass).await).await
}
