//! What a tenant uses of what its plan allows, and how that came about day by day.

use axum::response::Response;
use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};
use serde_json::json;
use tenancy::Operation;

use crate::console::asked::Asked;
use crate::console::chart::{self, Bar};
use crate::console::layout::{Tab, choose, failed, page};
use crate::console::words;
use crate::decode::{self, ReportFormat};
use crate::operations;

/// Days that the charts show, today included.
const DAYS: i32 = 30;

/// `GET /console/usage`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    if asked.session.tenant.is_none() && asked.session.menu.tenants {
        return choose("/console/usage");
    }
    let today = control::UsageDay::day_of(asked.app().clock.now());
    let from = today.saturating_sub((DAYS - 1).days());
    let found = asked
        .run(Operation::ShowUsage, async |pass| {
            let query = decode::show_usage(json!({ "from": from.to_string() }), today, ReportFormat::Json)?;
            operations::show_usage(asked.app(), pass, query).await
        })
        .await;
    match found {
        Ok(usage) => page(&asked, Tab::Usage, "Usage", &shown(&usage, from, today)),
        Err(failure) => failed(&asked, Tab::Usage, &failure),
    }
}

fn shown(usage: &api::Usage, from: Date, today: Date) -> Markup {
    let (now, limits) = (&usage.current, &usage.limits);
    html! {
        h1 { "Usage" }
        @if usage.dry_run { div .notice { p { "The service rehearses: usage is measured and not kept." } } }
        @if !usage.billed { p .hint { "This is a test tenant, and is never billed." } }
        section .card .meters {
            (against("Memories", now.memories, limits.memories, words::count))
            (against("Storage", now.storage_bytes, limits.storage_bytes, words::bytes))
            (against("Workspaces", now.workspaces, limits.workspaces, words::count))
            (against("API calls today", Some(now.api_calls_today), limits.api_calls_per_day, words::count))
        }
        section .card { (days("API calls a day", usage, from, today, |day| day.api_calls)) }
        div .pair {
        section .card { (days("Searches a day", usage, from, today, |day| day.search_queries)) }
        section .card { (days("Memories stored a day", usage, from, today, |day| day.memories_created)) }
        }
        @if !usage.adjustments.is_empty() {
            h2 { "Corrections" }
            div .scroll tabindex="0" role="region" aria-label="Corrections" { table {
                thead { tr { th { "Day" } th .num { "Calls" } th .num { "Searches" } th .num { "Stored" } th { "Why" } } }
                tbody { @for row in &usage.adjustments { tr {
                    td { (row.day) } td .num { (row.api_calls) } td .num { (row.search_queries) } td .num { (row.memories_created) } td { bdi { (row.reason) } }
                } } }
            } }
        }
        p .hint { "Days are UTC. Pages of this console count as calls of the API, which they are." }
    }
}

/// One limit and how much of it is used.
pub(super) fn against(label: &str, used: Option<u64>, limit: Option<u64>, show: fn(u64) -> String) -> Markup {
    let Some(used) = used else { return chart::meter(label, "not known now", None) };
    match limit {
        Some(limit) => {
            let share = if limit == 0 { 1.0 } else { used as f64 / limit as f64 };
            chart::meter(label, &format!("{} of {}", show(used), show(limit)), Some(share))
        }
        None => chart::meter(label, &format!("{}, no limit", show(used)), None),
    }
}

fn days(what: &str, usage: &api::Usage, from: Date, today: Date, of: fn(&api::UsageDay) -> u64) -> Markup {
    let bars: Vec<_> = from
        .series(1.day())
        .take_while(|day| *day <= today)
        .map(|day| {
            let text = day.to_string();
            let value = usage.items.iter().find(|row| row.day == text).map_or(0, of);
            Bar { title: format!("{text}: {}", words::count(value)), value: value as f64 }
        })
        .collect();
    let show = |value: f64| words::count(value as u64);
    chart::bars(what, &bars, (&from.to_string(), "today"), show)
}
