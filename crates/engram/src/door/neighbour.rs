//! The process that owns the data folder, reached through its private socket.

use std::path::{Path, PathBuf};

use axum::body::Body;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::way::Trouble;

/// The owner of the folder.
#[derive(Debug)]
pub(crate) struct Neighbour {
    socket: PathBuf,
}

impl Neighbour {
    pub(super) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Whether somebody listens there.
    pub(super) async fn answers(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    /// Waits for the whole answer.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let (parts, body) = self.stream(request.map(Body::from)).await?.into_parts();
        let body = body.collect().await.map_err(|error| went_away(&error))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// A connection for one request: it costs microseconds, and is never one that the owner is about to close. Bodies pass
    /// as they come, in both directions.
    pub(super) async fn stream(&self, mut request: Request<Body>) -> Result<Response<Body>, Trouble> {
        let not_sent = |error: &dyn std::fmt::Display| {
            Trouble::NotSent(format!(
                "the owner of the data folder does not answer at {}: {error}",
                self.socket.display()
            ))
        };
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| not_sent(&error))?;
        let (mut sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| not_sent(&error))?;
        // It ends with the answer's body.
        tokio::spawn(connection);
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost"));
        let answer = sender.send_request(request).await.map_err(|error| went_away(&error))?;
        Ok(answer.map(Body::new))
    }
}

fn went_away(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::Broken(format!("the owner of the data folder went away: {error}"))
}
