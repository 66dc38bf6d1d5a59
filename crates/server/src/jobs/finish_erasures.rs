//! Finishes erasures whose record a crash separated from the deletion.

use std::sync::Arc;

use crate::app::App;
use crate::backups::finish_erasures;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    finish_erasures(&app).await.map(drop).map_err(|error| error.to_string())
}
