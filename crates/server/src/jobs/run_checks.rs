//! Runs the checks of the playbook, so that the console can say at once what is wrong.

use std::sync::Arc;

use crate::app::App;
use crate::watch;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    watch::run_all(&app).await;
    Ok(())
}
