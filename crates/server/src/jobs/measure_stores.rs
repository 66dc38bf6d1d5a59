//! Measures what no request shows: room on the volume, write-ahead logs, writes that wait.

use std::sync::Arc;

use crate::app::App;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let measured = tokio::task::spawn_blocking(move || {
        let (mut waiting, mut wal, mut wal_largest) = (0, 0, 0);
        for (_, lease) in app.fleet.open_stores() {
            let (queued, bytes) =
                lease.glance(|store| Ok((store.waiting_writes(), store.wal_bytes()))).unwrap_or_default();
            waiting += queued;
            wal += bytes;
            wal_largest = wal_largest.max(bytes);
        }
        metrics::gauge!("engram_writer_queue_depth").set(waiting as f64);
        metrics::gauge!("engram_wal_bytes").set(wal as f64);
        metrics::gauge!("engram_wal_largest_bytes").set(wal_largest as f64);
        metrics::gauge!("engram_stores_open_max").set(app.fleet.stores_open_max() as f64);
        app.fleet.volume_space().map(|_| ()).map_err(|error| error.to_string())
    });
    measured.await.map_err(|panic| panic.to_string())?
}
