//! A page of the playbook, for whoever runs the service.

use api::ErrorCode;
use axum::response::Response;
use maud::html;

use crate::console::asked::Asked;
use crate::console::layout::{Tab, failed, page};
use crate::console::markdown::rendered;
use crate::operations::Failure;
use crate::watch;

/// `GET /console/service/runbooks/{name}`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    let unknown = || Failure::Coded(ErrorCode::NotFound, "there is no such page in the playbook".to_owned());
    let found =
        asked.operate(async |_, _| watch::runbook(asked.guest.segment("name")).ok_or_else(unknown)).await;
    match found {
        Ok(runbook) => page(
            &asked,
            Tab::Alerts,
            runbook.name,
            &html! { article .runbook { (rendered(runbook.text, |name| watch::runbook(name).map(|page| path(page.name)))) } },
        ),
        Err(failure) => failed(&asked, Tab::Alerts, &failure),
    }
}

/// Where the page of that name is.
pub(super) fn path(name: &str) -> String {
    format!("/console/service/runbooks/{name}")
}
