//! Connections: accepts them, bounds how long one may take to say what it wants, and ends them in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use gateway::Peer;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Pause after a failed accept, such as when the process has no descriptor left.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);
/// Requests one HTTP/2 connection may have open at once.
const STREAMS_MAX: u32 = 256;

/// How connections are served.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// The longest a new connection may take to send the headers of its first request.
    pub header_timeout: Duration,
    /// The longest a connection may be silent between two requests.
    pub idle_timeout: Duration,
    /// After `stop`, the longest that requests at work may take to finish.
    pub drain: Duration,
}

impl ServeOptions {
    /// The usual settings with the configured header timeout.
    pub fn new(header_timeout: Duration) -> Self {
        Self { header_timeout, idle_timeout: Duration::from_secs(75), drain: Duration::from_secs(20) }
    }
}

/// Serves `router` until `stop`, then lets requests at work finish.
pub async fn serve(listener: TcpListener, router: Router, options: ServeOptions, stop: CancellationToken) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(options.idle_timeout);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(Some(options.idle_timeout))
        .keep_alive_timeout(options.header_timeout);
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => serve_one(&server, &connections, stream, peer, router.clone(), options),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(AFTER_FAILED_ACCEPT).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(options.drain, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off by the shutdown");
    }
}

fn serve_one(
    server: &auto::Builder<TokioExecutor>,
    connections: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    options: ServeOptions,
) {
    metrics::counter!("engram_connections_total").increment(1);
    // Answers are small and whole; waiting to fill a packet only costs time.
    let _ = stream.set_nodelay(true);
    let spoke = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&spoke);
    let service = service_fn(move |request: Request<Incoming>| {
        heard.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer::Network(peer.ip()));
        router.clone().oneshot(request)
    });
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        let silent = async {
            tokio::time::sleep(options.header_timeout).await;
            if spoke.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ended = connection => {
                if let Err(error) = ended {
                    tracing::debug!(error, "a connection ended early");
                }
            }
            () = silent => tracing::debug!(%peer, "closed a connection that sent no request in time"),
        }
    });
}
