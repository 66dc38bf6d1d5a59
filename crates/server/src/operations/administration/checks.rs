//! The playbook's checks, asked for by an operator, and the repairs that are safe.

use control::Deed;
use gateway::OperatorPass;
use serde_json::json;
use tenancy::Slug;

use super::tenant_named;
use crate::app::App;
use crate::operations::Failure;
use crate::watch::{self, Found};

/// Runs every check; with a tenant also the integrity of its file, which reads all of it.
///
/// # Errors
/// [`Failure::Control`] for a tenant that is not known.
pub async fn run_checks(app: &App, _: &OperatorPass, tenant: Option<Slug>) -> Result<api::Checks, Failure> {
    let mut found = watch::run_all(app).await;
    if let Some(slug) = tenant {
        let tenant = tenant_named(app, &slug).await?;
        found.push(watch::integrity_of(app, &slug, &tenant.id).await);
    }
    Ok(checks_to_wire(found))
}

/// Repairs what can be repaired without harm, where a check found something: reads keys anew, opens stores again, sends
/// what waits. What was done is a row of the audit log. Then runs every check again.
///
/// # Errors
/// None of its own; what stays wrong is in the answer.
pub async fn repair(app: &App, by: &OperatorPass) -> Result<api::Checks, Failure> {
    for check in watch::repair(app).await {
        let deed = Deed {
            tenant: None,
            action: "repair",
            target: check.to_owned(),
            details: json!({ "check": check }),
        };
        if let Err(error) = app.control.record_deed(deed, &by.actor()).await {
            tracing::error!(%error, check, "repaired, and not in the audit log");
        }
    }
    Ok(checks_to_wire(watch::run_all(app).await))
}

fn checks_to_wire(found: Vec<Found>) -> api::Checks {
    let check = |found: Found| api::Check {
        name: found.check.to_owned(),
        status: found.finding.status().to_owned(),
        detail: found.finding.into_detail(),
        runbook: format!("docs/runbooks/{}.md", found.runbook),
    };
    api::Checks { checks: found.into_iter().map(check).collect() }
}
