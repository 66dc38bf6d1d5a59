//! Keeps the certificate up to date while the service runs: files that change are noticed, and SIGHUP asks for a look
//! at once.

use std::sync::Arc;

use server::config::Config;
use server::edge::Certificate;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// Reads the certificate, if the service has one.
pub(super) fn load(config: &Config) -> Result<Option<Arc<Certificate>>, Failure> {
    config.tls.files().map(Certificate::load).transpose().map_err(Failure::unreachable)
}

/// Follows the files until `stop`. Without a certificate SIGHUP keeps its usual meaning.
pub(super) fn follow(
    certificate: &Arc<Certificate>,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    tasks.spawn(Arc::clone(certificate).watch(stop.clone()));
    let mut hangup = signal(SignalKind::hangup()).map_err(Failure::refused)?;
    let (certificate, stop) = (Arc::clone(certificate), stop.clone());
    tasks.spawn(async move {
        while let Some(Some(())) = stop.run_until_cancelled(hangup.recv()).await {
            certificate.reload();
        }
    });
    Ok(())
}
