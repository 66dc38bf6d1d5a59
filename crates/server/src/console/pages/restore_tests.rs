//! Rehearsals of restores, for whoever runs the service: what was proven of whose backups, and new ones on demand.

use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::backups::path_of;
use super::run::lead;
use crate::console::asked::Asked;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{form_token, shortened, status, tile, title, wrong};
use crate::console::words;
use crate::decode;
use crate::operations::{self, Failure};

/// Where the list is.
pub(super) const PATH: &str = "/console/service/restore-tests";
/// Rehearsals that the page shows.
const SHOWN: u32 = 50;

/// `GET /console/service/restore-tests`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    list_page(&asked, None).await
}

/// `POST /console/service/restore-tests`: of one tenant, or of a sample.
pub(in crate::console) async fn create(asked: Asked) -> Response {
    let body = Value::Object(asked.sent().object(&["tenant"]));
    let begun = asked
        .operate(async |pass, _| {
            let tenant = decode::create_restore_test(body)?;
            operations::create_restore_test(asked.app(), pass, tenant).await
        })
        .await;
    match begun {
        Ok(run) => lead(&run),
        Err(failure) => list_page(&asked, Some(&failure)).await,
    }
}

async fn list_page(asked: &Asked, refused: Option<&Failure>) -> Response {
    let query = json!({ "limit": SHOWN.to_string() });
    let found = asked
        .operate(async |pass, _| {
            let (tenant, limit) = decode::list_restore_tests(query)?;
            operations::list_restore_tests(asked.app(), pass, tenant, limit).await
        })
        .await;
    match found {
        Ok(tests) => page(asked, Tab::RestoreTests, "Restore tests", &shown(asked, &tests, refused)),
        Err(failure) => failed(asked, Tab::RestoreTests, refused.unwrap_or(&failure)),
    }
}

fn shown(asked: &Asked, tests: &api::RestoreTestList, refused: Option<&Failure>) -> Markup {
    let app = asked.app();
    let now = app.clock.now();
    let passed = tests.items.iter().filter(|test| test.status == "passed").count();
    let coverage = app.backups.ages().coverage();
    let newest =
        tests.items.first().map_or_else(|| "never".to_owned(), |test| words::distance(test.finished_at, now));
    let by_itself = match app.config.backup.restore_tests {
        0 => "never".to_owned(),
        tenants => format!("{tenants} a week"),
    };
    html! {
        (title("Restore tests", &html! {}))
        @if let Some(failure) = refused { (wrong(failure)) }
        p .lead { "Newest backups come back into a sandbox, by the code that a real restore uses, and are compared with what was written down when they were made. Nothing that is served is touched." }
        div .tiles {
            (tile("Last one", &newest, ""))
            (tile("Passed", &format!("{passed} of {}", tests.items.len()), &format!("of the newest {SHOWN}")))
            (tile("Proven by a restore", &words::percent(coverage), "of tenants with a backup"))
            (tile("By itself", &by_itself, "backup.restore_tests"))
        }
        section .card {
            h2 { "Run now" }
            form .inline method="post" action=(PATH) { (form_token(&asked.guest)) button .primary { "A sample of all tenants" } }
            form .inline .spaced method="post" action=(PATH) {
                (form_token(&asked.guest))
                label for="tenant" { "One tenant " } input #tenant name="tenant" required maxlength="63" value=(shortened(asked.sent().text("tenant")));
                button { "Test its newest backup" }
            }
        }
        @if tests.items.is_empty() { div .empty { p { "No restore was rehearsed yet." } } } @else { (rehearsed(&tests.items, now)) }
    }
}

/// Rehearsals with everything that was looked at; those that failed are open.
pub(super) fn rehearsed(tests: &[api::RestoreTest], now: Timestamp) -> Markup {
    html! {
        div .rows { @for test in tests { div .row-card {
            div .row-main {
                a href=(path_of(&test.tenant)) { strong { bdi { (test.tenant) } } } " " (status(&test.status))
                div .line { code .break { (test.backup) } }
                details .careful open[test.status != "passed"] {
                    summary { (words::counted(test.checks.len() as u64, "check", "checks")) }
                    dl .properties .checks { @for check in &test.checks {
                        dt { (check.name.replace('_', " ")) } dd { (status(&check.status)) " " bdi { (check.detail) } }
                    } }
                }
            }
            span .when { (words::time(test.finished_at, now)) }
        } } }
    }
}
