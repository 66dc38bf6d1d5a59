//! Where traces go: a collector that takes them all, one whose port nobody listens on, and one that never answers.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A collector that takes whatever comes; it goes away with the run.
pub(super) struct Collector {
    pub(super) endpoint: String,
    bytes: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Collector {
    pub(super) async fn start() -> Result<Self> {
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&bytes);
        // An empty answer is the protobuf of "all were taken".
        let take = move |batch: Bytes| {
            counted.fetch_add(batch.len() as u64, Ordering::Relaxed);
            std::future::ready(())
        };
        let routes = Router::new().route("/v1/traces", post(take));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = endpoint(&listener)?;
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { endpoint, bytes, serving })
    }

    /// What came so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An address that refuses connections.
pub(super) async fn dead() -> Result<String> {
    endpoint(&TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
}

/// An address that takes connections, as long as the listener lives, and never answers.
pub(super) async fn silent() -> Result<(String, TcpListener)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok((endpoint(&listener)?, listener))
}

fn endpoint(listener: &TcpListener) -> Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
