//! Deleting a tenant: asked for, waited for, and told with its receipt.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use api::Deletion;
use serde_json::json;

use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

/// Longest wait for the files of a tenant to be gone; the service goes on without us.
const WAIT: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Deletes the tenant at `path`, and waits a while for what it stored to be gone.
pub(super) async fn delete(door: &Door, format: Format, path: &str) -> Result<(), Failure> {
    let answer = door.delete(path).await?.unwrap_or_default();
    let mut deletion: Deletion = serde_json::from_value(answer).map_err(|error| {
        Failure::refused(format!("the tenant is deleted, but the answer is odd: {error}"))
    })?;
    let begun = Instant::now();
    let progress = format!("/tenants/{}/deletion", deletion.tenant_id);
    while deletion.finished_at.is_none() && begun.elapsed() < WAIT {
        tokio::time::sleep(LOOK_EVERY).await;
        // An owner's own right to ask went with the tenant.
        let Ok(now) = door.get(&progress).await else { break };
        deletion = now;
    }
    show(format, &deletion)
}

/// Shows how far a deletion is, or its receipt.
pub(super) fn show(format: Format, deletion: &Deletion) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(&json!({
            "id": deletion.tenant_id,
            "slug": deletion.slug,
            "status": "deleted",
            "deletion": deletion,
        }));
    }
    terminal::line(format!("tenant {} is deleted ({})", deletion.slug, deletion.tenant_id));
    for (step, did) in &deletion.steps {
        terminal::line(format!("  {step}: {did}"));
    }
    match (deletion.finished_at, &deletion.last_error) {
        (Some(at), _) => terminal::line(format!("nothing of it was left at {at}")),
        (None, Some(error)) => terminal::line(format!(
            "what it stored is not removed yet ({} tries, {error}); the service tries again by itself",
            deletion.attempts
        )),
        (None, None) => terminal::line(format!(
            "what it stored is being removed; see `engram tenant deletion {}`",
            deletion.tenant_id
        )),
    }
    Ok(())
}

/// Asks a person; a script is taken at its word.
pub(super) fn confirm(slug: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let _ = write!(io::stderr(), "Delete tenant {slug} and everything it stored? Type its name: ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::refused)?;
    if answer.trim() == slug { Ok(()) } else { Err(Failure::refused("nothing was deleted")) }
}
