//! What the service is busy with, and what an operator narrows in it without a restart.

use std::time::Duration;

use control::Deed;
use gateway::OperatorPass;
use serde_json::json;
use tenancy::TenantId;

use super::tenant_named;
use crate::app::App;
use crate::decode::{LoadChange, Shedding};
use crate::operations::Failure;
use crate::telemetry::RouteTime;

/// Routes that are told; more than the service has that matter.
const ROUTES_MAX: usize = 50;

/// What this process is busy with.
///
/// # Errors
/// [`Failure::Control`].
pub async fn show_load(app: &App, _: &OperatorPass) -> Result<api::Load, Failure> {
    load(app).await
}

/// Narrows or widens, at once and until the process ends; each change is a row of the audit log.
///
/// # Errors
/// [`Failure::Control`] for a tenant that is not known.
pub async fn change_load(app: &App, by: &OperatorPass, change: LoadChange) -> Result<api::Load, Failure> {
    let mut deeds = Vec::new();
    if let Some((slug, at_work_max)) = change.cap {
        let tenant = tenant_named(app, &slug).await?;
        app.gateway.cap(&tenant.id, at_work_max);
        deeds.push(Deed {
            tenant: Some(tenant.id.clone()),
            action: "cap_tenant",
            target: tenant.id.to_string(),
            details: json!({ "at_work_max": at_work_max }),
        });
    }
    for (class, shedding) in change.classes {
        let action = match shedding {
            Shedding::On => {
                app.gateway.shed(class);
                "shed_requests"
            }
            Shedding::Off => {
                app.gateway.restore(class);
                "restore_requests"
            }
        };
        deeds.push(Deed { tenant: None, action, target: class.name().to_owned(), details: json!({}) });
    }
    for deed in deeds {
        let (action, target) = (deed.action, deed.target.clone());
        // It is done already, and must work while the control plane is away: that is when it is needed.
        if let Err(error) = app.control.record_deed(deed, &by.actor()).await {
            let actor = by.actor();
            tracing::error!(%error, action, target, actor = actor.name(), "done, and not in the audit log");
        }
    }
    load(app).await
}

async fn load(app: &App) -> Result<api::Load, Failure> {
    let mut caps = Vec::new();
    for (tenant, at_work_max) in app.gateway.caps() {
        caps.push(api::TenantCap { tenant: shown(app, &tenant).await, at_work_max });
    }
    let routes = app.route_times.slowest_first(app.clock.now_ms());
    Ok(api::Load {
        in_flight: app.lifecycle.in_flight(),
        in_flight_max: app.lifecycle.in_flight_max(),
        shed: app.gateway.shed_classes().into_iter().map(|class| class.name().to_owned()).collect(),
        at_work_per_tenant_max: app.gateway.at_work_per_tenant_max(),
        caps,
        routes: routes.into_iter().take(ROUTES_MAX).map(route_to_wire).collect(),
    })
}

/// A tenant's slug; its id while the control plane does not answer.
pub(crate) async fn shown(app: &App, tenant: &TenantId) -> String {
    match app.control.tenant_with_limits(tenant).await {
        Ok(Some(found)) => found.tenant.slug.to_string(),
        Ok(None) | Err(_) => tenant.to_string(),
    }
}

fn route_to_wire(time: RouteTime) -> api::RouteTime {
    // Microseconds are enough; more digits would only be noise.
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    api::RouteTime {
        route: time.route,
        requests: time.requests,
        p50_ms: ms(time.p50),
        p95_ms: ms(time.p95),
        p99_ms: ms(time.p99),
    }
}
