//! One connection, from its first byte to its end: a handshake and a first request in time, then requests, and at
//! last an end that cuts nobody off.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use gateway::Peer;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::ServeOptions;
use super::client::Transport;

/// Requests one HTTP/2 connection may have open at once.
const STREAMS_MAX: u32 = 256;
/// Headers of one request, together: eight times what is usual, and what a stranger may have us keep for him.
const HEADERS_BYTES_MAX: u32 = 64 * 1024;
/// A connection that was taken just before the end has this long to say what it wants.
const LATECOMER: Duration = Duration::from_secs(1);

/// What every connection of a listener shares.
pub(super) struct Doorway {
    server: auto::Builder<TokioExecutor>,
    router: Router,
    tls: Option<TlsAcceptor>,
    options: ServeOptions,
    stop: CancellationToken,
}

impl Doorway {
    pub(super) fn new(
        router: Router,
        options: ServeOptions,
        tls: Option<TlsAcceptor>,
        stop: CancellationToken,
    ) -> Self {
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(options.idle_timeout)
            .max_buf_size(HEADERS_BYTES_MAX as usize);
        server
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADERS_BYTES_MAX)
            .keep_alive_interval(Some(options.idle_timeout))
            .keep_alive_timeout(options.header_timeout);
        Self { server, router, tls, options, stop }
    }

    /// Serves a connection to its end.
    pub(super) async fn hold(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        metrics::counter!("engram_connections_total").increment(1);
        // Answers are small and whole; waiting to fill a packet only costs time.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = &self.tls else { return self.converse(stream, peer, Transport::Plain).await };
        match tokio::time::timeout(self.options.header_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, peer, Transport::Tls).await,
            Ok(Err(error)) => {
                metrics::counter!("engram_tls_handshake_failures_total").increment(1);
                tracing::debug!(%peer, %error, "a TLS handshake failed");
            }
            Err(_) => {
                metrics::counter!("engram_tls_handshake_failures_total").increment(1);
                tracing::debug!(%peer, "closed a connection whose TLS handshake took too long");
            }
        }
    }

    async fn converse<I>(&self, stream: I, peer: SocketAddr, transport: Transport)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (heard, mut hearing) = watch::channel(None);
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let version = request.version();
            heard.send_if_modified(|first| first.replace(version).is_none());
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer::Network(peer.ip()));
            request.extensions_mut().insert(transport);
            router.clone().oneshot(request)
        });
        let spoken = hearing.clone();
        let mut connection = pin!(self.server.serve_connection(TokioIo::new(stream), service));
        let mut silent = pin!(async {
            tokio::time::sleep(self.options.header_timeout).await;
            if spoken.borrow().is_some() {
                pending::<()>().await;
            }
        });
        let mut leave = pin!(self.time_to_leave(&mut hearing));
        let mut leaving = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection ended early");
                    }
                    return;
                }
                () = &mut silent => {
                    return tracing::debug!(%peer, "closed a connection that sent no request in time");
                }
                () = &mut leave, if !leaving => {
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// When to ask the other end to go: HTTP/2 as soon as the service is on its way out, since it can be told without
    /// losing a request; HTTP/1 at the end, since until then its answers tell it. Not before the first request: it
    /// may be on its way.
    async fn time_to_leave(&self, hearing: &mut watch::Receiver<Option<Version>>) {
        let first = async {
            match hearing.wait_for(Option::is_some).await.ok().and_then(|version| *version) {
                Some(Version::HTTP_2) => self.options.leaving.cancelled().await,
                _ => self.stop.cancelled().await,
            }
        };
        let too_late = async {
            self.stop.cancelled().await;
            tokio::time::sleep(LATECOMER).await;
        };
        tokio::select! {
            () = first => {}
            () = too_late => {}
        }
    }
}
