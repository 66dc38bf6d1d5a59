//! The restore of a tenant: its plan first, and then what was planned, once somebody has typed whose it is.

use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Map, Value};
use tenancy::{Operation, Slug};

use super::backups::{for_named, named, path_of};
use super::run::lead;
use crate::console::asked::Asked;
use crate::console::fields::time;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{field, form_token, shortened, status, tile, title, wrong};
use crate::console::words;
use crate::decode;
use crate::operations::{self, Failure};

/// What a form of this page says of the file to restore, and of where it goes.
const CHOSEN: [&str; 5] = ["backup", "before", "latest_verified", "replaced", "into"];

/// `GET /console/service/backups/{slug}/restore`: the plan; nothing is changed.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    planned(&asked, None).await
}

/// `POST /console/service/backups/{slug}/restore`.
pub(in crate::console) async fn begin(asked: Asked) -> Response {
    match begun(&asked).await {
        Ok(run) => lead(&run),
        Err(failure) => planned(&asked, Some(&failure)).await,
    }
}

/// Which backup to take, when it is not one of the list.
pub(super) fn choice(path: &str) -> Markup {
    let action = format!("{path}/restore");
    html! {
        section .card {
            h2 { "Restore" }
            p .hint { "What would happen is shown first." }
            form .inline method="get" action=(action) { button name="latest_verified" value="true" { "The newest that was proven" } }
            form .inline .spaced method="get" action=(action) {
                label for="before" { "The newest before " } input #before type="datetime-local" name="before" step="1" required;
                span .hint { "UTC" } button { "Look for it" }
            }
        }
    }
}

/// Restores that were asked for, newest first.
pub(super) fn restores(all: &api::RestoreList, now: Timestamp) -> Markup {
    html! {
        @if !all.items.is_empty() {
            h2 { "Restores" }
            div .scroll tabindex="0" role="region" aria-label="Restores, newest first" { table {
                thead { tr { th scope="col" { "Asked" } th scope="col" { "By" } th scope="col" { "How it went" } th scope="col" { "Of" } } }
                tbody { @for restore in &all.items { tr {
                    td .nowrap { (words::time(restore.requested_at, now)) }
                    td { bdi .break { (restore.requested_by) } }
                    td { (status(&restore.state)) @if let Some(error) = &restore.error { div .dim { bdi { (error) } } } }
                    td { code .break { (restore.backup.as_deref().unwrap_or("a replaced file")) } }
                } } }
            } }
        }
    }
}

async fn begun(asked: &Asked) -> Result<api::Run, Failure> {
    let slug = named(asked)?;
    let target = asked.sent().filled("into").unwrap_or(slug.as_str());
    if asked.sent().text("confirm") != target {
        let message =
            format!("type {} to confirm that it is the one that gets what is restored", shortened(target));
        return Err(Failure::Invalid(vec![engine::Problem::new("confirm", message)]));
    }
    for_named(asked, Operation::RestoreTenant, async |pass, caller| {
        let input = decode::create_restore(body(asked))?;
        operations::create_restore(asked.app(), pass, caller, input).await
    })
    .await
}

/// The fields as the API has them.
fn body(asked: &Asked) -> Value {
    let mut body: Map<String, Value> = asked.sent().object(&CHOSEN);
    if let Some(before) = body.get_mut("before") {
        *before = time(asked.sent().text("before"));
    }
    if let Some(wanted) = body.get_mut("latest_verified") {
        *wanted = Value::Bool(asked.sent().text("latest_verified") == "true");
    }
    Value::Object(body)
}

async fn planned(asked: &Asked, refused: Option<&Failure>) -> Response {
    match plan(asked).await {
        Ok((slug, plan)) => {
            page(asked, Tab::Backups, "Restore a tenant", &shown(asked, &slug, &plan, refused))
        }
        // What was refused before says more than what keeps the plan from being shown again.
        Err(failure) => failed(asked, Tab::Backups, refused.unwrap_or(&failure)),
    }
}

async fn plan(asked: &Asked) -> Result<(Slug, api::RestorePlan), Failure> {
    let slug = named(asked)?;
    let plan = for_named(asked, Operation::ListBackups, async |pass, caller| {
        let input = decode::create_restore(body(asked))?;
        operations::plan_restore(asked.app(), pass, caller, input).await
    })
    .await?;
    Ok((slug, plan))
}

fn shown(asked: &Asked, slug: &Slug, plan: &api::RestorePlan, refused: Option<&Failure>) -> Markup {
    let path = path_of(slug.as_str());
    let is_new = asked.sent().filled("into").is_some();
    html! {
        (title(&format!("Restore {slug}"), &html! { a .button href=(path) { "Back to its backups" } }))
        @if let Some(failure) = refused { (wrong(failure)) }
        (figures(asked, plan))
        section .card {
            h2 { "What happens" }
            ol .steps { @for step in &plan.steps { li { bdi { (step) } } } }
            p .hint { "Whatever fails, everything is as it was." }
        }
        section .card {
            h2 { "Where to" }
            form .inline method="get" action={ (path) "/restore" } {
                (chosen(asked, false))
                label for="into" { "A new tenant called " } input #into name="into" maxlength="63" value=(shortened(asked.sent().text("into")));
                button { "Plan that" }
            }
            @if is_new { form .inline .spaced method="get" action={ (path) "/restore" } { (chosen(asked, false)) button { "Into " bdi { (slug) } " itself" } } }
        }
        section .card {
            h2 { "Do it" }
            form .form method="post" action={ (path) "/restore" } {
                (form_token(&asked.guest))
                (chosen(asked, true))
                (field("confirm", &format!("Type {} to confirm", plan.into), "", &html! { input #confirm name="confirm" required autocomplete="off" maxlength="63"; }))
                div .submit { button .danger { @if is_new { "Restore into the new tenant" } @else { "Replace what is there" } } }
            }
        }
    }
}

/// What comes back and what goes, in numbers.
fn figures(asked: &Asked, plan: &api::RestorePlan) -> Markup {
    let now = asked.app().clock.now();
    let number = |value: Option<u64>| value.map_or_else(|| "not known".to_owned(), words::count);
    let is_new = asked.sent().filled("into").is_some();
    html! {
        div .tiles {
            @if !is_new { (tile("Memories now", &number(plan.memories_now), "")) }
            (tile("Memories then", &number(plan.memories_then), ""))
            @if !is_new {
                (tile("Come back", &number(plan.come_back), ""))
                (tile("Go away", &number(plan.go_away), ""))
            }
        }
        section .card { dl .properties {
            @match &plan.backup {
                Some(backup) => {
                    dt { "Backup" } dd { code .break { (backup.id) } }
                    dt { "Of" } dd { (words::exact(backup.created_at)) ", " (words::distance(backup.created_at, now)) }
                    dt { "Size" } dd { (words::bytes(backup.size_bytes)) " stored, " (words::bytes(backup.plain_bytes)) " as a file" }
                    dt { "Proven" } dd { @match backup.verified_at { Some(at) => (words::time(at, now)), None => span .badge .warn { "not yet" } } }
                }
                None => { dt { "File" } dd { code .break { (shortened(asked.sent().text("replaced"))) } } }
            }
            dt { "Into" } dd { bdi { strong { (plan.into) } } @if is_new { ", a new tenant" } }
            dt { "Stay erased" } dd { (words::counted(plan.erasures, "memory", "memories")) }
        } }
    }
}

/// The choice again, for the next form.
fn chosen(asked: &Asked, with_destination: bool) -> Markup {
    html! {
        @for name in CHOSEN.into_iter().filter(|name| with_destination || *name != "into") {
            @if let Some(value) = asked.sent().filled(name) { input type="hidden" name=(name) value=(value); }
        }
    }
}
