//! Serves the router on the private socket: callers there are the user the service runs as.

use std::time::Duration;

use axum::Router;
use gateway::Peer;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::socket::own_user;

/// Pause after a failed accept, such as when the process has no descriptor left.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);
/// Longest wait for the last answers once the service stops.
const LAST_ANSWERS: Duration = Duration::from_secs(20);

/// Serves until `stop`, then finishes what is being answered.
///
/// Connections of another user than our own (and root) are closed unheard, whatever the file mode let through.
pub async fn serve_local(listener: UnixListener, router: Router, stop: CancellationToken) {
    let router = router.layer(axum::Extension(Peer::LocalSocket));
    let server = auto::Builder::new(TokioExecutor::new());
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match stream {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept on the private socket");
                tokio::time::sleep(AFTER_FAILED_ACCEPT).await;
                continue;
            }
        };
        if !is_own_user(&stream) {
            tracing::warn!("closed a connection of another user on the private socket");
            continue;
        }
        let service = TowerToHyperService::new(router.clone());
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection on the private socket ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_ANSWERS, connections.shutdown()).await.is_err() {
        tracing::warn!("some callers on the private socket were not answered in time");
    }
}

fn is_own_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own_user() || peer.uid() == 0)
}
