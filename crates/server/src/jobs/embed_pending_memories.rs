//! Gives vectors to memories that have none of the model in use: stored while a remote model was down, or
//! before the model was changed. Found by words until then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::App;

/// Memories embedded in one go; one commit each.
const BATCH: usize = 256;
/// A run ends after this long, and the next one goes on.
const RUN_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    if app.vectors.model().is_none() {
        // A remote model that never answered; ask for its name before anything else.
        app.vectors.provider().learn_identity().await.map_err(|error| error.to_string())?;
    }
    let started = Instant::now();
    let mut pending_left = 0;
    for (tenant, lease) in app.fleet.open_stores() {
        loop {
            let pending = lease.read(|store| store.pending_embeddings(BATCH)).await;
            let pending = pending.map_err(|error| format!("store of {tenant}: {error}"))?;
            if pending.is_empty() {
                break;
            }
            let texts: Vec<&str> = pending.iter().map(|memory| memory.content.as_str()).collect();
            let vectors = app.vectors.of_texts(&texts).await;
            let rows: Vec<_> = pending
                .iter()
                .zip(vectors)
                .filter_map(|(memory, embedded)| Some((memory.id, memory.version, embedded?)))
                .collect();
            let (asked, made) = (pending.len(), rows.len());
            lease
                .write(move |store| store.store_embeddings(rows))
                .await
                .map_err(|error| format!("store of {tenant}: {error}"))?;
            if made < asked || started.elapsed() > RUN_MAX {
                pending_left += asked - made;
                break;
            }
        }
    }
    metrics::gauge!("engram_embeddings_pending").set(pending_left as f64);
    Ok(())
}
