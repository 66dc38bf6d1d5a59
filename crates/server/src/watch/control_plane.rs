//! Whether the control plane answers.

use super::Finding;
use crate::app::App;

pub(super) async fn look(app: &App) -> Finding {
    let kind = app.control.kind();
    match app.control.ping().await {
        Ok(()) => Finding::Ok(format!("{kind} answers")),
        Err(error) => Finding::Fail(format!(
            "{kind} does not answer ({error}); tenants that were active lately are served for 15 minutes"
        )),
    }
}
