//! Closes stores nobody uses, and takes back the memory of those that stay open.

use std::sync::Arc;

use crate::app::App;

/// A WAL larger than this is cut back at the next quiet moment, in bytes.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    app.fleet.close_idle().await;
    for (tenant, lease) in app.fleet.open_stores() {
        let outcome = lease
            .read(|store| if store.wal_bytes() > WAL_BYTES_MAX { store.checkpoint() } else { Ok(()) })
            .await;
        outcome.map_err(|error| format!("checkpoint of {tenant}: {error}"))?;
    }
    Ok(())
}
