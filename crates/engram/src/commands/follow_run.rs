//! Follows work of the service that takes a while: a bar for people, and its result at the end.

use std::time::Duration;

use api::Run;
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;

use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::Format;

/// Between the first looks; it doubles up to [`LOOK_EVERY_MAX`].
const LOOK_EVERY_MIN: Duration = Duration::from_millis(20);
/// Between two looks at long work.
const LOOK_EVERY_MAX: Duration = Duration::from_millis(500);

/// Waits for a run to end and gives its result back.
///
/// # Errors
/// Why the run failed.
pub(super) async fn follow_run<T: DeserializeOwned>(
    door: &Door,
    format: Format,
    mut run: Run,
) -> Result<T, Failure> {
    let bar = bar(format);
    let path = match &run.tenant {
        Some(slug) => format!("/tenants/{}/runs/{}", encode(slug), encode(&run.id)),
        None => format!("/runs/{}", encode(&run.id)),
    };
    let mut wait = LOOK_EVERY_MIN;
    while run.state == "running" {
        bar.set_length(run.total.max(1));
        bar.set_position(run.done);
        bar.set_message(run.stage.replace('_', " "));
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOK_EVERY_MAX);
        run = door.get(&path).await?;
    }
    bar.finish_and_clear();
    if let Some(error) = run.error {
        return Err(Failure::refused(error));
    }
    serde_json::from_value(run.result.unwrap_or_default()).map_err(|error| {
        Failure::refused(format!("the result is not what this version understands: {error}"))
    })
}

/// To standard error, and only where somebody looks.
fn bar(format: Format) -> ProgressBar {
    match format {
        Format::Json => ProgressBar::hidden(),
        Format::People => {
            let style =
                ProgressStyle::with_template("{spinner} {msg:<24} [{bar:32}] {percent:>3} %  {elapsed}");
            let bar = ProgressBar::new(1);
            bar.enable_steady_tick(Duration::from_millis(120));
            match style {
                Ok(style) => bar.with_style(style.progress_chars("=> ")),
                Err(_) => bar,
            }
        }
    }
}
