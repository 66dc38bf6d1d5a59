//! Gives vectors to memories of closed stores: those of tenants that nobody asks for. A few are opened at once, and closed
//! again behind the work.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::ModelIdentity;
use futures::StreamExt;
use futures::stream::iter;
use tenancy::{TenantId, TenantStatus};

use super::backlog::{ClosedStore, EmbeddingBacklog};
use super::embed_store;
use crate::app::App;

/// Stores that are worked on at once: enough to keep a remote model busy with tenants of a few memories.
const AT_ONCE: usize = 4;
/// After this long it is the turn of open stores again, where somebody may wait for what was just stored.
const TURN_MAX: Duration = Duration::from_secs(5);

/// Works for one turn; what is left goes on in the next one.
pub(super) async fn run(app: &Arc<App>, model: &ModelIdentity) -> Result<(), String> {
    let backlog = &app.embedding_backlog;
    let now_ms = app.clock.now_ms();
    if backlog.is_due(model, now_ms) {
        list(app, model, now_ms).await?;
    }
    let until = Instant::now() + TURN_MAX;
    // A model that does not answer is not asked for one store after the other.
    let stopped = AtomicBool::new(false);
    let goes_on = || Instant::now() < until && !stopped.load(Ordering::Relaxed);
    let stores = iter(std::iter::from_fn(|| goes_on().then(|| backlog.next()).flatten()));
    let had_some = backlog.waiting().stores > 0;
    let outcomes = stores.map(|store| embed(app, store, until, &stopped)).buffer_unordered(AT_ONCE);
    let failed: Vec<String> = outcomes.filter_map(async |outcome| outcome.err()).collect().await;
    if had_some && backlog.waiting().stores == 0 {
        tracing::info!(model = %model.name, "memories of closed stores have their vectors");
    }
    match failed.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(format!("{} closed stores have no vectors yet, the first: {first}", failed.len())),
    }
}

/// Asks every closed store what waits in it.
async fn list(app: &App, model: &ModelIdentity, now_ms: i64) -> Result<(), String> {
    let fleet = Arc::clone(&app.fleet);
    let tenants = tokio::task::spawn_blocking(move || fleet.tenants_on_disk()).await;
    let tenants = tenants.map_err(|panic| panic.to_string())?.map_err(|error| error.to_string())?;
    let known = app.embedding_backlog.settled(model);
    let (mut found, mut settled) = (Vec::new(), HashMap::new());
    for tenant in tenants {
        // Before it is asked: whoever writes meanwhile changes it.
        let stamp = app.fleet.change_stamp(&tenant);
        if known.get(&tenant) == Some(&stamp) {
            settled.insert(tenant, stamp);
            continue;
        }
        if app.fleet.quarantine(&tenant).is_some() {
            continue;
        }
        match app.fleet.pending_embeddings(&tenant, model).await {
            Ok(Some(0)) => drop(settled.insert(tenant, stamp)),
            Ok(Some(memories)) => found.push(ClosedStore { tenant, memories }),
            // It is open, and looked at as such; a file that cannot be asked is for whoever opens it.
            Ok(None) | Err(_) => {}
        }
    }
    let memories: u64 = found.iter().map(|store| store.memories).sum();
    if !found.is_empty() {
        tracing::info!(stores = found.len(), memories, model = %model.name, "memories of closed stores wait for vectors");
    }
    app.embedding_backlog.list(model, now_ms, found, settled);
    Ok(())
}

/// Works on one store, and takes note of what is left; nothing of a store that fails, which is asked again with all others.
async fn embed(
    app: &Arc<App>,
    store: ClosedStore,
    until: Instant,
    stopped: &AtomicBool,
) -> Result<(), String> {
    let backlog: &EmbeddingBacklog = &app.embedding_backlog;
    match visit(app, &store.tenant, until).await {
        Ok(left) => {
            if left > 0 && Instant::now() < until {
                stopped.store(true, Ordering::Relaxed);
            }
            backlog.put_back(store, left);
            Ok(())
        }
        Err(error) => {
            let failed = format!("{}: {error}", store.tenant);
            backlog.put_back(store, 0);
            Err(failed)
        }
    }
}

async fn visit(app: &Arc<App>, tenant: &TenantId, until: Instant) -> Result<u64, String> {
    let known = app.control.tenant_by_id(tenant).await.map_err(|error| error.to_string())?;
    if known.is_none_or(|known| known.status == TenantStatus::Deleted) {
        return Ok(0);
    }
    let visit = app.fleet.visit(tenant).await.map_err(|error| error.to_string())?;
    let left = embed_store(app, tenant, visit.lease(), until, |_| {}).await;
    visit.end().await;
    left.map_err(|error| error.to_string())
}
