//! What a tenant's plan lets it store, on the way to where it is counted: the tenant's own file.

use engine::{Bound, Bounds};
use fleet::Lease;
use gateway::Pass;

use crate::app::App;
use crate::config::Enforcement;

/// The bounds of a write; none unless quotas are enforced.
pub(super) fn bounds(app: &App, pass: &Pass) -> Bounds {
    let limits = pass.limits();
    match app.config.limits.quotas {
        Enforcement::Off | Enforcement::Soft => Bounds::NONE,
        Enforcement::Enforced => Bounds {
            memories: limits.memories,
            workspaces: limits.workspaces,
            file_bytes: limits.storage_bytes,
        },
    }
}

/// Where quotas are only measured: counts a write that went beyond one.
pub(super) fn measure(app: &App, pass: &Pass, lease: &Lease) {
    if app.config.limits.quotas != Enforcement::Soft {
        return;
    }
    let Ok(tally) = lease.glance(|store| store.tally()) else { return };
    let limits = pass.limits();
    for (what, current, limit) in [
        (Bound::Memories, tally.memories, limits.memories),
        (Bound::Workspaces, tally.workspaces, limits.workspaces),
        (Bound::FileBytes, tally.file_bytes, limits.storage_bytes),
    ] {
        if limit.is_some_and(|limit| current > limit) {
            gateway::quota_exceeded(metric(what));
        }
    }
}

/// The quota's name on the wire and in metrics.
pub(super) fn metric(what: Bound) -> &'static str {
    match what {
        Bound::Memories => "memories",
        Bound::Workspaces => "workspaces",
        Bound::FileBytes => "storage_bytes",
    }
}
