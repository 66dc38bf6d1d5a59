//! Every tenant of the service, for whoever runs it: plan and usage, suspended and resumed.

use axum::response::{IntoResponse, Redirect, Response};
use jiff::ToSpan;
use maud::{Markup, html};
use serde_json::{Value, json};
use tenancy::{Operation, Slug};

use super::usage::against;
use crate::console::asked::Asked;
use crate::console::chart::{self, Bar};
use crate::console::fields::segment;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{careful, field, form_token, good, next_page, status, title, wrong};
use crate::console::words;
use crate::decode::{self, ReportFormat};
use crate::operations::{self, Failure};

/// Days of the chart of one tenant, today included.
const DAYS: i32 = 30;

/// `GET /console/service/tenants`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    list_page(&asked, None).await
}

/// `POST /console/service/tenants`.
pub(in crate::console) async fn create(asked: Asked) -> Response {
    let body = Value::Object(asked.sent().object(&["slug", "name", "plan", "kind"]));
    let outcome = asked
        .operate(async |_, caller| {
            operations::create_tenant(asked.app(), caller, decode::create_tenant(body)?).await
        })
        .await;
    match outcome {
        Ok(tenant) => lead(&tenant.slug, "created"),
        Err(failure) => list_page(&asked, Some(&failure)).await,
    }
}

/// `GET /console/service/tenants/{slug}`.
pub(in crate::console) async fn show_one(asked: Asked) -> Response {
    match one(&asked).await {
        Ok(main) => page(&asked, Tab::Tenants, "Tenant", &main),
        Err(failure) => failed(&asked, Tab::Tenants, &failure),
    }
}

/// `POST /console/service/tenants/{slug}`: another status or plan, or to be looked at.
pub(in crate::console) async fn update(asked: Asked) -> Response {
    let slug = asked.guest.segment("slug").to_owned();
    if asked.sent().text("do") == "open" {
        asked.app().console.sessions.choose_tenant(asked.guest.cookie(), Some(slug));
        return Redirect::to("/console/keys").into_response();
    }
    let body = Value::Object(asked.sent().object(&["status", "plan"]));
    let outcome = asked
        .operate(async |pass, _| {
            let slug = read_slug(&slug)?;
            operations::update_tenant(asked.app(), pass, &slug, decode::update_tenant(body)?).await
        })
        .await;
    match outcome {
        Ok(tenant) => lead(&tenant.slug, "changed"),
        Err(failure) => failed(&asked, Tab::Tenants, &failure),
    }
}

fn lead(slug: &str, done: &str) -> Response {
    Redirect::to(&format!("/console/service/tenants/{}?done={done}", segment(slug))).into_response()
}

fn read_slug(text: &str) -> Result<Slug, Failure> {
    let unknown = |_| Failure::Coded(api::ErrorCode::TenantNotFound, "there is no such tenant".to_owned());
    Slug::parse(text).map_err(unknown)
}

async fn list_page(asked: &Asked, failure: Option<&Failure>) -> Response {
    let mut query = asked.sent().object(&["status", "cursor"]);
    query.insert("limit".to_owned(), Value::from("50"));
    let found = asked
        .operate(async |pass, caller| {
            let tenants =
                operations::list_tenants(asked.app(), caller, decode::list_tenants(Value::Object(query))?)
                    .await?;
            Ok((tenants, operations::list_plans(asked.app(), pass).await?))
        })
        .await;
    match found {
        Ok((tenants, plans)) => page(asked, Tab::Tenants, "Tenants", &list(asked, &tenants, &plans, failure)),
        Err(failure) => failed(asked, Tab::Tenants, &failure),
    }
}

fn list(
    asked: &Asked,
    tenants: &api::TenantList,
    plans: &api::PlanList,
    failure: Option<&Failure>,
) -> Markup {
    let now = asked.app().clock.now();
    let chosen = asked.sent().text("status");
    html! {
        (title("Tenants", &html! {}))
        @if let Some(failure) = failure { (wrong(failure)) }
        nav .tabs aria-label="Status" {
            @for (word, label) in [("", "All"), ("active", "Active"), ("suspended", "Suspended"), ("deleted", "Deleted")] {
                a href={ "/console/service/tenants" @if !word.is_empty() { "?status=" (word) } } aria-current=[(word == chosen).then_some("page")] { (label) }
            }
        }
        @if tenants.items.is_empty() { div .empty { p { "There is none." } } } @else {
            div .scroll tabindex="0" role="region" aria-label="Tenants" { table {
                thead { tr { th scope="col" { "Tenant" } th scope="col" { "Status" } th scope="col" { "Plan" } th scope="col" { "Kind" } th scope="col" { "Since" } } }
                tbody { @for tenant in &tenants.items { tr {
                    td { @if tenant.status == "deleted" { bdi { (tenant.slug) } } @else { a href={ "/console/service/tenants/" (segment(&tenant.slug)) } { bdi { (tenant.slug) } } } @if tenant.name != tenant.slug { div .dim { bdi { (tenant.name) } } } }
                    td { (status(&tenant.status)) } td { (tenant.plan) } td { (tenant.kind) } td .nowrap { (words::time(tenant.created_at, now)) }
                } } }
            } }
        }
        (next_page("/console/service/tenants", &[("status", chosen)], tenants.next_cursor.as_deref()))
        section .card {
            h2 { "New tenant" }
            form .form method="post" action="/console/service/tenants" {
                (form_token(&asked.guest))
                div .fields {
                    (field("slug", "Short name", "Lower-case letters, digits and dashes", &html! { input #slug name="slug" required maxlength="63" value=(asked.sent().text("slug")); }))
                    (field("name", "Name", "The short name unless said", &html! { input #name name="name" value=(asked.sent().text("name")); }))
                    (field("plan", "Plan", "", &plan_choice(plans, &asked.app().config.service.default_plan)))
                    (field("kind", "Kind", "A test tenant is never billed", &html! { select #kind name="kind" { option value="live" { "live" } option value="test" { "test" } } }))
                }
                div .submit { button .primary { "Create" } }
            }
        }
    }
}

fn plan_choice(plans: &api::PlanList, chosen: &str) -> Markup {
    html! { select #plan name="plan" { @for plan in &plans.items { option value=(plan.name) selected[plan.name == chosen] { (plan.name) } } } }
}

async fn one(asked: &Asked) -> Result<Markup, Failure> {
    let slug = read_slug(asked.guest.segment("slug"))?;
    let named = Some(slug.as_str());
    let (details, plans) = asked
        .operate(async |pass, _| {
            let found = asked.app().control.tenant_by_slug(&slug).await?;
            let plans = operations::list_plans(asked.app(), pass).await?;
            Ok((found, plans))
        })
        .await?;
    read_slug(details.map(|tenant| tenant.slug.to_string()).as_deref().unwrap_or(""))?;
    let details = asked
        .manage_of(named, Operation::ShowTenant, async |pass, _| {
            operations::show_tenant(asked.app(), pass).await
        })
        .await?;
    let today = control::UsageDay::day_of(asked.app().clock.now());
    let from = today.saturating_sub((DAYS - 1).days());
    let usage = asked
        .manage_of(named, Operation::ShowUsage, async |pass, _| {
            let query = decode::show_usage(json!({ "from": from.to_string() }), today, ReportFormat::Json)?;
            Ok(operations::show_usage(asked.app(), pass, query).await?.value)
        })
        .await?;
    let bars: Vec<_> = from
        .series(1.day())
        .take_while(|day| *day <= today)
        .map(|day| {
            let text = day.to_string();
            let calls = usage.items.iter().find(|row| row.day == text).map_or(0, |row| row.api_calls);
            Bar { title: format!("{text}: {}", words::count(calls)), value: calls as f64 }
        })
        .collect();
    let calls = chart::bars("API calls a day", &bars, (&from.to_string(), "today"), |value| {
        words::count(value as u64)
    });
    Ok(shown(asked, &details, &usage, &plans, &calls))
}

fn shown(
    asked: &Asked,
    details: &api::TenantDetails,
    usage: &api::Usage,
    plans: &api::PlanList,
    calls: &Markup,
) -> Markup {
    let tenant = &details.tenant;
    let now = asked.app().clock.now();
    let path = format!("/console/service/tenants/{}", segment(&tenant.slug));
    html! {
        (title(&tenant.name, &html! {
            form method="post" action=(path) { (form_token(&asked.guest)) button name="do" value="open" { "Keys and people" } }
        }))
        @match asked.sent().text("done") { "created" => (good("The tenant is there. Make its first key under “Keys and people”.")), "changed" => (good("Changed; running gateways follow at once.")), _ => {} }
        section .card {
            dl .properties {
                dt { "Slug" } dd { code { (tenant.slug) } }
                dt { "Id" } dd { code .break { (tenant.id) } }
                dt { "Status" } dd { (status(&tenant.status)) }
                dt { "Kind" } dd { (tenant.kind) }
                dt { "Plan" } dd { (tenant.plan) }
                dt { "Since" } dd { (words::time(tenant.created_at, now)) }
            }
        }
        section .card .meters {
            (against("Memories", usage.current.memories, details.limits.memories, words::count))
            (against("Storage", usage.current.storage_bytes, details.limits.storage_bytes, words::bytes))
            (against("Workspaces", usage.current.workspaces, details.limits.workspaces, words::count))
            (against("API calls today", Some(usage.current.api_calls_today), details.limits.api_calls_per_day, words::count))
        }
        section .card { (calls) }
        section .card {
            h2 { "Plan" }
            form .inline method="post" action=(path) { (form_token(&asked.guest)) label for="plan" { "Plan " } (plan_choice(plans, &tenant.plan)) button { "Change" } }
        }
        @if tenant.status == "suspended" {
            section .card { form method="post" action=(path) { (form_token(&asked.guest)) p { "Its people and agents are refused." } button .primary name="status" value="active" { "Resume" } } }
        } @else {
            (careful("Suspend this tenant", "Its people and agents are refused at once, with an answer that says so. Nothing is deleted.", &html! {
                form method="post" action=(path) { (form_token(&asked.guest)) button .danger name="status" value="suspended" { "Suspend" } }
            }))
        }
    }
}
