//! Moves what ended in the last ten seconds into the ring that the console's charts are drawn from.

use std::sync::Arc;

use crate::app::App;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    app.history.sample(app.clock.now_ms());
    Ok(())
}
