//! `/v1/usage` for a tenant, `/usage` for operators.

use axum::response::Response;
use http::header;
use serde::Serialize;
use tenancy::Operation;

use super::call::{Call, TenantIn};
use super::csv_answer::csv_answer;
use crate::decode::{self, ReportFormat};
use crate::edge::json_answer;
use crate::operations;

/// Read what the tenant used, by day or hour
///
/// Includes what is not in the ledger yet, and corrections. Needs the scope `admin`.
#[utoipa::path(get, path = "/v1/usage", tag = "usage", operation_id = "show_usage",
    params(
        ("from" = Option<String>, Query, description = "The first UTC day, such as `2026-11-01`; 30 days before `to` unless said."),
        ("to" = Option<String>, Query, description = "The last UTC day; today unless said."),
        ("by" = Option<String>, Query, description = "`day` (default) or `hour`; at most 31 days by hour. Corrections are of days, and not in hours."),
        ("format" = Option<String>, Query, description = "`json` or `csv`; `Accept: text/csv` asks for the same."),
    ),
    responses((status = 200, description = "Days with usage, and the plan's limits", body = api::Usage)))]
pub(super) async fn show_usage(call: Call) -> Response {
    // Read before the work, because the shape of the answer depends on it; what is wrong is told by the work.
    let accepted = accepted(&call);
    let asked = call.query().ok().and_then(|query| {
        let today = control::UsageDay::day_of(call.app().clock.now());
        decode::show_usage(query, today, accepted).ok()
    });
    let format = asked.map_or(ReportFormat::Json, |asked| asked.format);
    call.answer_as(
        Operation::ShowUsage,
        |_| 200,
        |usage: &api::Usage| match format {
            ReportFormat::Json => json_answer(200, usage),
            ReportFormat::Csv => csv_answer(usage.items.iter().map(Row::of)),
        },
        async |call, pass| {
            let today = control::UsageDay::day_of(call.app().clock.now());
            let query = decode::show_usage(call.query()?, today, accepted)?;
            operations::show_usage(call.app(), pass, query).await
        },
    )
    .await
}

/// Read what tenants used, by tenant and day
///
/// For operators; from the ledger, which is a few seconds behind, with corrections. One tenant, or all of them in
/// pages. As CSV, the cursor of the next page is in the header `X-Next-Cursor`.
#[utoipa::path(get, path = "/usage", tag = "administration", operation_id = "report_usage",
    params(
        ("tenant" = Option<String>, Query, description = "Only this tenant."),
        ("from" = Option<String>, Query, description = "The first UTC day, such as `2026-11-01`; 30 days before `to` unless said."),
        ("to" = Option<String>, Query, description = "The last UTC day; today unless said."),
        ("limit" = Option<i64>, Query, description = "1 to 100 tenants a page, 50 unless said."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
        ("format" = Option<String>, Query, description = "`json` or `csv`; `Accept: text/csv` asks for the same."),
    ),
    responses((status = 200, description = "Days with usage", body = api::UsageReport)))]
pub(super) async fn report_usage(call: Call) -> Response {
    let accepted = accepted(&call);
    call.answer_operator_as(async |call, pass| {
        let today = control::UsageDay::day_of(call.app().clock.now());
        let query = decode::report_usage(call.query()?, today, accepted)?;
        let tenant = call.named_tenant_or_all(TenantIn::Query).await?;
        let format = query.format;
        let report = operations::report_usage(call.app(), pass, tenant.as_ref(), query).await?;
        Ok(match format {
            ReportFormat::Json => json_answer(200, &report),
            ReportFormat::Csv => {
                let mut answer = csv_answer(report.items.iter().map(TenantRow::of));
                if let Some(cursor) = report.next_cursor.and_then(|cursor| cursor.parse().ok()) {
                    answer.headers_mut().insert("x-next-cursor", cursor);
                }
                answer
            }
        })
    })
    .await
}

/// Read single usage events
///
/// For operators: what billing systems take, each event with the key under which it counts once. In the order of time
/// and id, in pages; the same question with the last cursor goes on where an export was cut off.
#[utoipa::path(get, path = "/usage/events", tag = "administration", operation_id = "list_usage_events",
    params(
        ("tenant" = Option<String>, Query, description = "Only this tenant."),
        ("from" = Option<String>, Query, description = "From this time on (RFC 3339)."),
        ("to" = Option<String>, Query, description = "Before this time; the present unless said."),
        ("limit" = Option<i64>, Query, description = "1 to 10000 events a page, 1000 unless said."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Single events", body = api::UsageEventList)))]
pub(super) async fn list_usage_events(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let input = decode::list_usage_events(call.query()?, call.app().clock.now())?;
        let tenant = call.named_tenant_or_all(TenantIn::Query).await?;
        operations::list_usage_events(call.app(), pass, tenant.as_ref(), input).await
    })
    .await
}

/// Correct a tenant's day
///
/// For operators: a row beside what was counted, which is never edited. The same correction under the same `id`
/// changes nothing; another one is refused with 409.
#[utoipa::path(post, path = "/usage/adjustments", tag = "administration", operation_id = "adjust_usage",
    request_body = api::AdjustUsage,
    responses((status = 200, description = "The correction on record", body = api::UsageAdjustment)))]
pub(super) async fn adjust_usage(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let input = decode::adjust_usage(call.json().await?)?;
        operations::adjust_usage(call.app(), pass, input).await
    })
    .await
}

/// Compare what was served with what the ledger holds
///
/// For operators: hour by hour, what nodes say they answered and sent, the single events, and the hourly sums.
#[utoipa::path(get, path = "/usage/reconciliation", tag = "administration", operation_id = "reconcile_usage",
    params(
        ("from" = Option<String>, Query, description = "The first UTC day; the day before `to` unless said."),
        ("to" = Option<String>, Query, description = "The last UTC day; today unless said."),
    ),
    responses((status = 200, description = "Hours with usage", body = api::UsageReconciliation)))]
pub(super) async fn reconcile_usage(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let today = control::UsageDay::day_of(call.app().clock.now());
        let days = decode::reconcile_usage(call.query()?, today)?;
        operations::reconcile_usage(call.app(), pass, days).await
    })
    .await
}

fn accepted(call: &Call) -> ReportFormat {
    let accept = call.header(&header::ACCEPT).unwrap_or("");
    let first = accept.split([',', ';']).next().unwrap_or("").trim();
    if first.eq_ignore_ascii_case("text/csv") { ReportFormat::Csv } else { ReportFormat::Json }
}

/// A line of a tenant's own usage.
#[derive(Serialize)]
struct Row<'a> {
    day: &'a str,
    hour: Option<jiff::Timestamp>,
    api_calls: u64,
    search_queries: u64,
    memories_created: u64,
    storage_bytes: i64,
}

/// A line of a report over tenants.
#[derive(Serialize)]
struct TenantRow<'a> {
    tenant_id: &'a str,
    tenant: &'a str,
    day: &'a str,
    api_calls: u64,
    search_queries: u64,
    memories_created: u64,
    storage_bytes: i64,
}

impl<'a> Row<'a> {
    fn of(row: &'a api::UsageDay) -> Self {
        Self {
            day: &row.day,
            hour: row.hour,
            api_calls: row.api_calls,
            search_queries: row.search_queries,
            memories_created: row.memories_created,
            storage_bytes: row.storage_bytes,
        }
    }
}

impl<'a> TenantRow<'a> {
    fn of(row: &'a api::TenantUsageDay) -> Self {
        Self {
            tenant_id: &row.tenant_id,
            tenant: &row.tenant,
            day: &row.usage.day,
            api_calls: row.usage.api_calls,
            search_queries: row.usage.search_queries,
            memories_created: row.usage.memories_created,
            storage_bytes: row.usage.storage_bytes,
        }
    }
}
