//! Listens: takes connections until it is told to stop, then lets those that are there finish.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Certificate;
use super::connection::Doorway;

/// Pause after a failed accept, such as when the process has no descriptor left.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// How connections are served.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The longest a new connection may take for its TLS handshake, and again for the headers of its first request.
    pub header_timeout: Duration,
    /// The longest a connection may be silent between two requests.
    pub idle_timeout: Duration,
    /// After `stop`, the longest that requests at work may take to finish.
    pub drain: Duration,
    /// The certificate of connections; plain without one.
    pub certificate: Option<Arc<Certificate>>,
    /// Cancelled when the service is on its way out, and still serves.
    pub leaving: CancellationToken,
}

impl ServeOptions {
    /// The usual settings with the configured header timeout.
    pub fn new(header_timeout: Duration) -> Self {
        Self {
            header_timeout,
            idle_timeout: Duration::from_secs(75),
            drain: Duration::from_secs(20),
            certificate: None,
            leaving: CancellationToken::new(),
        }
    }
}

/// Serves `router` until `stop`, then lets requests at work finish.
pub async fn serve(listener: TcpListener, router: Router, options: ServeOptions, stop: CancellationToken) {
    let acceptor = match options.certificate.as_ref().map(Certificate::acceptor).transpose() {
        Ok(acceptor) => acceptor,
        Err(error) => return tracing::error!(%error, "cannot speak TLS"),
    };
    let drain = options.drain;
    let doorway = Arc::new(Doorway::new(router, options, acceptor, stop.clone()));
    // Dropping the set closes what is left in it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(Arc::clone(&doorway).hold(stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(AFTER_FAILED_ACCEPT).await;
                }
            },
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, finished).await.is_err() {
        tracing::warn!(connections = connections.len(), "some requests were cut off by the shutdown");
    }
}
