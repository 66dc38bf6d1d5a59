//! Gives vectors to memories that have none of the model in use: stored while a remote model was down, or
//! before the model was changed. Found by words until then.

mod backlog;
mod closed_stores;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet::Lease;
use tenancy::TenantId;

pub use backlog::{EmbeddingBacklog, Waiting};

use crate::app::App;

/// Memories embedded in one go; one commit each. A model run here takes seconds for them, and a process that is
/// killed has no more than these to do again.
const BATCH: usize = 256;
/// Open stores are worked on for this long, and the next run goes on.
const RUN_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let _turn = app.embedding_backlog.turn.lock().await;
    if app.vectors.model().is_none() {
        // A remote model that never answered; ask for its name before anything else.
        app.vectors.provider().learn_identity().await.map_err(|error| error.to_string())?;
    }
    let until = Instant::now() + RUN_MAX;
    let (mut pending_left, mut failed) = (0, Ok(()));
    for (tenant, lease) in app.fleet.open_stores() {
        let told = |left| app.embedding_backlog.note_open(pending_left + left);
        match embed_store(&app, &tenant, &lease, until, told).await {
            Ok(left) => pending_left += left,
            // The others do not wait for it.
            Err(error) => failed = failed.and(Err(format!("store of {tenant}: {error}"))),
        }
    }
    app.embedding_backlog.note_open(pending_left);
    match app.vectors.model() {
        Some(model) => failed.and(closed_stores::run(&app, &model).await),
        None => failed,
    }
}

/// Embeds what waits in one store until that is over, and says how many memories still wait, in the end and on the way.
async fn embed_store(
    app: &App,
    tenant: &TenantId,
    lease: &Lease,
    until: Instant,
    told: impl Fn(u64),
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
        told(left);
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
