//! Stores that did not open, and opening them again.

use super::Finding;
use crate::app::App;
use crate::operations::tenant_shown;

/// Tenants that are named; there can be thousands when a volume is gone.
const NAMED_MAX: usize = 10;

pub(super) async fn look(app: &App) -> Finding {
    let failing = app.fleet.failing();
    if failing.is_empty() {
        return Finding::Ok("every store that was asked for is open or opens".to_owned());
    }
    let mut named = Vec::new();
    for (tenant, error) in failing.iter().take(NAMED_MAX) {
        named.push(format!("{} ({error})", tenant_shown(app, tenant).await));
    }
    let more = failing.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Finding::Fail(format!("{} stores do not open: {}{more}", failing.len(), named.join("; ")))
}

/// Tries each again; what was only in the way for a while opens.
pub(super) async fn open_again(app: &App) {
    for (tenant, _) in app.fleet.failing() {
        // It is logged and remembered as failing if it fails again.
        let _ = app.fleet.store(&tenant).await;
    }
}
