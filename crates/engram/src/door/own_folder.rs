//! The data folder, opened by this process: the whole service without a network.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use gateway::Peer;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use server::app::App;
use server::config::Config;
use server::ownership::{Ownership, serve_local};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::way::Trouble;
use crate::failure::Failure;

/// The service inside this process; the folder is ours until [`close`](Self::close).
#[derive(Debug)]
pub(crate) struct OwnFolder {
    app: Arc<App>,
    router: Router,
    ownership: Ownership,
    stop: CancellationToken,
    /// Serves the private socket, once others are let in.
    local_door: Option<JoinHandle<()>>,
}

impl OwnFolder {
    /// Opens every part of the service on the folder that `ownership` stands for.
    pub(super) async fn open(config: Config, ownership: Ownership) -> Result<Self, Failure> {
        let app = App::open(config).await.map_err(Failure::unreachable)?;
        let router = app.router().layer(Extension(Peer::LocalSocket));
        Ok(Self { app, router, ownership, stop: CancellationToken::new(), local_door: None })
    }

    /// Serves the private socket too, for as long as the folder is ours.
    pub(crate) fn let_others_in(&mut self) -> Result<(), Failure> {
        let listener = self.ownership.listen()?;
        let local_door = serve_local(listener, self.app.router(), self.stop.clone());
        self.local_door = Some(tokio::spawn(local_door));
        Ok(())
    }

    /// Bodies pass as they come, in both directions.
    pub(super) async fn stream(&self, request: Request<Body>) -> Result<Response<Body>, Trouble> {
        let answer: Result<_, Infallible> = self.router.clone().oneshot(request).await;
        let Ok(answer) = answer;
        Ok(answer)
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let (parts, body) = self.stream(request.map(Body::from)).await?.into_parts();
        let body = body.collect().await.map_err(|error| Trouble::Broken(error.to_string()))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// Answers what others have asked, closes every part after its last commit, and gives the folder back.
    pub(super) async fn close(self) {
        self.stop.cancel();
        if let Some(local_door) = self.local_door {
            let _ = local_door.await;
        }
        self.app.shutdown().await;
        drop(self.ownership);
    }
}
