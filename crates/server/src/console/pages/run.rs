//! Work that takes a while, for whoever runs the service: how far it is, and how it ended.

use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use super::backups::{self, path_of};
use super::restore_tests::{self, rehearsed};
use crate::console::asked::Asked;
use crate::console::chart;
use crate::console::fields::segment;
use crate::console::layout::{Tab, failed, page_that_goes_on};
use crate::console::parts::{good, status, title};
use crate::console::words;
use crate::operations::{self, Failure};

/// Time between two looks at work that goes on.
const LOOK_EVERY_MS: u64 = 1_000;

/// `GET /console/service/runs/{run}`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    match found(&asked).await {
        Ok(run) => page_that_goes_on(&asked, tab(&run), name(&run), is_over(&run), &shown(&asked, &run)),
        Err(failure) => failed(&asked, Tab::Backups, &failure),
    }
}

/// `GET /console/service/runs/{run}/live`: the part of the page that changes by itself.
pub(in crate::console) async fn live(asked: Asked) -> Response {
    match found(&asked).await {
        Ok(run) => Html(state(&asked, &run).into_string()).into_response(),
        Err(failure) => failed(&asked, Tab::Backups, &failure),
    }
}

/// Leads to the page of a run that was begun.
pub(super) fn lead(run: &api::Run) -> Response {
    Redirect::to(&path(run)).into_response()
}

/// Runs of this process, newest first.
pub(super) fn runs(runs: &[api::Run], now: Timestamp) -> Markup {
    html! {
        @if !runs.is_empty() {
            h2 { "Lately" }
            div .rows { @for run in runs { div .row-card .brief {
                div .row-main { a href=(path(run)) { strong { (name(run)) } } " " @if let Some(tenant) = &run.tenant { bdi { (tenant) } " " } (status(&run.state)) }
                span .when { (words::time(run.started_at, now)) }
            } } }
        }
    }
}

async fn found(asked: &Asked) -> Result<api::Run, Failure> {
    asked
        .operate(async |pass, _| operations::show_run(asked.app(), pass, asked.guest.segment("run")).await)
        .await
}

fn path(run: &api::Run) -> String {
    format!("/console/service/runs/{}", segment(&run.id))
}

fn tab(run: &api::Run) -> Tab {
    if run.kind == "restore_test" { Tab::RestoreTests } else { Tab::Backups }
}

fn name(run: &api::Run) -> &'static str {
    match run.kind.as_str() {
        "backup" => "Backup",
        "restore" => "Restore",
        "restore_test" => "Restore test",
        "rotate_operator_key" => "New operator's key",
        _ => "Work",
    }
}

fn is_over(run: &api::Run) -> bool {
    run.state != "running"
}

fn shown(asked: &Asked, run: &api::Run) -> Markup {
    let (back, words) = match (&run.tenant, tab(run)) {
        (_, Tab::RestoreTests) => (restore_tests::PATH.to_owned(), "All restore tests"),
        (Some(tenant), _) => (path_of(tenant), "Its backups"),
        (None, _) => (backups::PATH.to_owned(), "All backups"),
    };
    html! {
        (title(name(run), &html! { a .button href=(back) { (words) } }))
        div #live data-live={ (path(run)) "/live" } data-every=(LOOK_EVERY_MS) { (state(asked, run)) }
    }
}

/// How far it is; what is over says so, so that nobody asks again.
fn state(asked: &Asked, run: &api::Run) -> Markup {
    let now = asked.app().clock.now();
    let until = run.finished_at.unwrap_or(now);
    let took = until.duration_since(run.started_at).as_secs_f64() * 1e3;
    html! {
        div data-over[is_over(run)] role="status" {
            @match (&run.error, run.state.as_str()) {
                (Some(error), _) => div .notice .bad { p { strong { "It failed. " } bdi { (error) } } p { "Nothing was changed by it." } },
                (None, "done") => (good("Done.")),
                (None, _) => section .card { (progress(run)) },
            }
        }
        section .card { dl .properties {
            dt { "Status" } dd { (status(&run.state)) }
            @if let Some(tenant) = &run.tenant { dt { "Tenant" } dd { bdi { (tenant) } } }
            @if !is_over(run) { dt { "Step" } dd { (run.stage.replace('_', " ")) } }
            dt { "Begun" } dd { (words::exact(run.started_at)) }
            dt { @if is_over(run) { "Took" } @else { "At work for" } } dd { (words::milliseconds(took)) }
            dt { "Run" } dd { code .break { (run.id) } }
            @if let Some(Value::Object(made)) = run.result.as_ref().filter(|_| run.kind != "restore_test") {
                @for (name, value) in made {
                    @if !value.is_null() { dt { (name.replace('_', " ")) } dd { bdi .break { (words::value(value)) } } }
                }
            }
        } }
        @if let Some(tests) = run.result.clone().and_then(|made| serde_json::from_value::<api::RestoreTestRun>(made).ok()) {
            (rehearsed(&tests.tenants, now))
        }
    }
}

fn progress(run: &api::Run) -> Markup {
    let (stage, done, total) = (run.stage.replace('_', " "), run.done, run.total);
    if total == 0 {
        return chart::meter(&stage, "at work", Some(0.0));
    }
    let share = done as f64 / total as f64;
    chart::meter(&stage, &words::percent((share * 100.0).floor() / 100.0), Some(share))
}
