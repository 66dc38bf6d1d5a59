//! Becoming the owner of the data folder: at once or not at all, unless the socket was handed over, for then the
//! process before this one is leaving.

use std::path::Path;
use std::time::{Duration, Instant};

use server::ownership::{Claim, Owner, Ownership, create_data_folder};

use super::listeners::Origin;
use crate::failure::Failure;

/// A leaving process is gone within 30 s.
const PREDECESSOR: Duration = Duration::from_secs(35);
/// Between two looks at the folder.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Claims the folder, which is made if it is not there.
pub(super) async fn claim(folder: &Path, origin: Origin) -> Result<Ownership, Failure> {
    create_data_folder(folder)?;
    let begun = Instant::now();
    let mut told = false;
    loop {
        let owner = match Ownership::claim(folder)? {
            Claim::Granted(ownership) => return Ok(ownership),
            Claim::HeldBy(owner) => owner,
        };
        match origin {
            Origin::Inherited if begun.elapsed() < PREDECESSOR => {}
            Origin::Inherited | Origin::Bound => return Err(foreign(folder, &owner)),
        }
        if !std::mem::replace(&mut told, true) {
            tracing::info!(
                pid = owner.pid,
                "waiting for the process before this one to leave the data folder"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn foreign(folder: &Path, owner: &Owner) -> Failure {
    let at = owner.url.as_deref().map(|url| format!(" at {url}")).unwrap_or_default();
    Failure::unreachable(format!(
        "the data folder {} is served by process {}{at}; use that service, stop it, or choose another folder with --data-dir",
        folder.display(),
        owner.pid
    ))
}
