//! Brings stores of an older schema up to date before somebody asks for them; the fleet keeps each file first.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::iter;
use tenancy::{TenantId, TenantStatus};

use crate::app::App;

/// Stores that are on their way at once; the fleet lets no more through.
const AT_ONCE: usize = 4;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let behind = app.fleet.to_migrate().await.map_err(|error| error.to_string())?;
    let left = metrics::gauge!("engram_stores_to_migrate");
    left.set(behind.len() as f64);
    if behind.is_empty() {
        return Ok(());
    }
    tracing::info!(stores = behind.len(), "stores have an older schema");
    let outcomes = iter(behind).map(|tenant| migrate(Arc::clone(&app), tenant)).buffer_unordered(AT_ONCE);
    let failed: Vec<_> = outcomes
        .inspect(|outcome| {
            if outcome.is_ok() {
                left.decrement(1.0);
            }
        })
        .filter_map(async |outcome| outcome.err())
        .collect()
        .await;
    match failed.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(format!("{} stores are not migrated, the first: {first}", failed.len())),
    }
}

async fn migrate(app: Arc<App>, tenant: TenantId) -> Result<(), String> {
    let failed = |error: String| format!("{tenant}: {error}");
    let known = app.control.tenant_by_id(&tenant).await.map_err(|error| failed(error.to_string()))?;
    let served = known.is_some_and(|known| known.status != TenantStatus::Deleted);
    if !served || app.fleet.quarantine(&tenant).is_some() {
        return Ok(());
    }
    app.fleet.store(&tenant).await.map(drop).map_err(|error| failed(error.to_string()))
}
