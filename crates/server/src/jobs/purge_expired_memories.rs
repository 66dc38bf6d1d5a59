//! Removes memories whose time is up from every open store. They are invisible from the moment they expire;
//! this only gives their bytes back. A store that is closed is purged when it is open again.

use std::sync::Arc;

use crate::app::App;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    for (tenant, lease) in app.fleet.open_stores() {
        // A few hundred a commit, so that writers in between wait for milliseconds only.
        loop {
            let purged = lease.remove(engine::Store::purge_expired).await;
            let purged = purged.map_err(|error| format!("store of {tenant}: {error}"))?;
            metrics::counter!("engram_memories_expired_total").increment(purged);
            if purged == 0 {
                break;
            }
        }
    }
    Ok(())
}
