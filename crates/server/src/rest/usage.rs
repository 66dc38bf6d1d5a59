//! `/v1/usage` for a tenant, `/usage` for operators.

use axum::response::Response;
use tenancy::Operation;

use super::call::{Call, TenantIn};
use crate::decode;
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

/// Read what tenants used, by tenant and day
///
/// For operators; from the ledger, which is a few seconds behind. One tenant, or all of them in pages.
#[utoipa::path(get, path = "/usage", tag = "administration", operation_id = "report_usage",
    params(
        ("tenant" = Option<String>, Query, description = "Only this tenant."),
        ("from" = Option<String>, Query, description = "The first UTC day, such as `2026-11-01`; 30 days before `to` unless said."),
        ("to" = Option<String>, Query, description = "The last UTC day; today unless said."),
        ("limit" = Option<i64>, Query, description = "1 to 100 tenants a page, 50 unless said."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Days with usage", body = api::UsageReport)))]
pub(super) async fn report_usage(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let today = control::UsageDay::day_of(call.app().clock.now());
        let query = decode::report_usage(call.query()?, today)?;
        let tenant = call.named_tenant_or_all(TenantIn::Query).await?;
        operations::report_usage(call.app(), pass, tenant.as_ref(), query).await
    })
    .await
}
