//! Who changed what: a tenant's own part of the audit log, and all of it for whoever runs the service.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use tenancy::Operation;

use crate::console::asked::Asked;
use crate::console::layout::{Tab, choose, failed, page};
use crate::console::parts::next_page;
use crate::console::words;
use crate::decode;
use crate::operations::{self, Reach};

/// `GET /console/audit-log`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    if asked.session.tenant.is_none() && asked.session.menu.tenants {
        return choose("/console/audit-log");
    }
    let query = Value::Object(asked.sent().object(&["cursor"]));
    let found = asked
        .manage(Operation::ShowAuditLog, async |pass, _| {
            operations::show_audit_log(asked.app(), Reach::Tenant(pass), decode::show_audit_log(query)?).await
        })
        .await;
    match found {
        Ok(log) => page(&asked, Tab::AuditLog, "Audit log", &shown(&asked, &log, "/console/audit-log")),
        Err(failure) => failed(&asked, Tab::AuditLog, &failure),
    }
}

/// `GET /console/service/audit-log`.
pub(in crate::console) async fn show_all(asked: Asked) -> Response {
    let query = Value::Object(asked.sent().object(&["cursor"]));
    let found = asked
        .operate(async |pass, _| {
            operations::show_audit_log(asked.app(), Reach::Everything(pass), decode::show_audit_log(query)?)
                .await
        })
        .await;
    match found {
        Ok(log) => page(
            &asked,
            Tab::ServiceAuditLog,
            "Audit log",
            &shown(&asked, &log, "/console/service/audit-log"),
        ),
        Err(failure) => failed(&asked, Tab::ServiceAuditLog, &failure),
    }
}

fn shown(asked: &Asked, log: &api::AuditLog, path: &str) -> Markup {
    let now = asked.app().clock.now();
    html! {
        h1 { "Audit log" }
        @if log.items.is_empty() { div .empty { p { "Nothing was changed yet." } } } @else {
            div .scroll tabindex="0" role="region" aria-label="Changes, newest first" {
                table .log {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Which" } th scope="col" { "Details" } } }
                    tbody { @for row in &log.items { tr {
                        td .nowrap { (words::time(row.occurred_at, now)) }
                        td { bdi .break { (row.actor) } @if let Some(origin) = &row.origin { div .dim { (origin) } } }
                        td .nowrap { (row.action.replace('_', " ")) }
                        td { bdi .break { (row.target) } }
                        td { (details(&row.details)) }
                    } } }
                }
            }
        }
        (next_page(path, &[], log.next_cursor.as_deref()))
    }
}

fn details(details: &Value) -> Markup {
    html! {
        @if let Value::Object(object) = details {
            dl { @for (name, value) in object {
                @if !value.is_null() && value != "" { dt { (name) } dd { bdi { (words::value(value)) } } }
            } }
        } @else if !details.is_null() { (details.to_string()) }
    }
}
