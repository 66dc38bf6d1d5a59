//! Gives vectors to memories that have none of the model in use: stored while a remote model was down, or
//! before the model was changed. Found by words until then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet::Lease;
use tenancy::TenantId;

use crate::app::App;

/// Memories embedded in one go; one commit each. A model run here takes seconds for them, and a process that is
/// killed has no more than these to do again.
const BATCH: usize = 256;
/// A run ends after this long, and the next one goes on.
const RUN_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    if app.vectors.model().is_none() {
        // A remote model that never answered; ask for its name before anything else.
        app.vectors.provider().learn_identity().await.map_err(|error| error.to_string())?;
    }
    let until = Instant::now() + RUN_MAX;
    let mut pending_left = 0;
    for (tenant, lease) in app.fleet.open_stores() {
        pending_left += embed_store(&app, &tenant, &lease, pending_left, until)
            .await
            .map_err(|error| format!("store of {tenant}: {error}"))?;
    }
    metrics::gauge!("engram_embeddings_pending").set(pending_left as f64);
    Ok(())
}

/// Embeds what waits in one store, and says how many memories still wait; `before` wait in stores looked at before.
async fn embed_store(
    app: &App,
    tenant: &TenantId,
    lease: &Lease,
    before: u64,
    until: Instant,
) -> Result<u64, fleet::FleetError> {
    let mut waiting = None;
    loop {
        let pending = lease.read(|store| store.pending_embeddings(BATCH)).await?;
        if pending.is_empty() {
            return Ok(0);
        }
        // Counted once a run: a count reads an entry for each memory.
        let left = match waiting {
            Some(left) => left,
            None => lease.read(engine::Store::stats).await?.pending_embeddings,
        };
        metrics::gauge!("engram_embeddings_pending").set((before + left) as f64);
        if Instant::now() >= until {
            return Ok(left);
        }
        let texts: Vec<&str> = pending.iter().map(|memory| memory.content.as_str()).collect();
        let vectors = app.vectors.of_texts(&texts).await;
        let rows: Vec<_> = pending
            .iter()
            .zip(vectors)
            .filter_map(|(memory, embedded)| Some((memory.id, memory.version, embedded?)))
            .collect();
        let (asked, made) = (pending.len(), rows.len());
        lease.write(move |store| store.store_embeddings(rows)).await?;
        let left = left.saturating_sub(made as u64);
        if asked == BATCH {
            let model = app.vectors.model().map(|model| model.name.to_string());
            tracing::info!(tenant = %tenant, made, left, model, "memories were embedded");
        }
        if made < asked {
            return Ok(left);
        }
        waiting = Some(left);
    }
}
