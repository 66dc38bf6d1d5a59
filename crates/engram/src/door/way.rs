//! The three ways, and which one is there now.

use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Bytes;
use server::config::Config;
use server::ownership::{Claim, Ownership, create_data_folder};

use super::hosted::Hosted;
use super::neighbour::Neighbour;
use super::own_folder::OwnFolder;
use crate::cli::{Reach, Shared};
use crate::failure::Failure;

/// Longest wait for an owner that is starting, stopping or doing one short command.
const OWNER_WAIT: Duration = Duration::from_secs(15);
/// Between two looks at the folder.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How requests reach the service.
#[derive(Debug)]
pub(crate) enum Way {
    /// Over the network, with a key.
    Hosted(Hosted),
    /// Through the socket of the process that owns the folder.
    Neighbour(Neighbour),
    /// This process owns the folder.
    Own(Box<OwnFolder>),
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It was not sent: nothing happened.
    NotSent(String),
    /// It was sent, and the connection broke: it may have been done.
    Broken(String),
}

impl Way {
    /// The service at `--url`; else the owner of the folder; else the folder itself.
    pub(crate) async fn find(reach: &Reach, shared: &Shared) -> Result<Self, Failure> {
        if let Some(url) = &reach.url {
            return Ok(Self::Hosted(Hosted::new(url, reach.api_key.as_deref())?));
        }
        Self::to_folder(&shared.configuration()?).await
    }

    /// The owner of the folder, or else the folder itself.
    pub(crate) async fn to_folder(config: &Config) -> Result<Self, Failure> {
        let folder = &config.service.data_dir;
        create_data_folder(folder)?;
        let begun = Instant::now();
        loop {
            let owner = match Ownership::claim(folder)? {
                Claim::Granted(ownership) => {
                    return Ok(Self::Own(Box::new(OwnFolder::open(config.clone(), ownership).await?)));
                }
                Claim::HeldBy(owner) => owner,
            };
            if let Some(socket) = &owner.socket {
                let neighbour = Neighbour::new(socket);
                if neighbour.answers().await {
                    return Ok(Self::Neighbour(neighbour));
                }
            }
            if begun.elapsed() > OWNER_WAIT {
                return Err(silent_owner(folder, owner.pid));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether it leads to the data folder, with the rights that come with it.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Hosted(_) => false,
            Self::Neighbour(_) | Self::Own(_) => true,
        }
    }

    /// Sends one request and waits for the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        match self {
            Self::Hosted(hosted) => hosted.send(request).await,
            Self::Neighbour(neighbour) => neighbour.send(request).await,
            Self::Own(own) => own.send(request).await,
        }
    }

    /// Sends one request whose bodies pass as they come, in both directions.
    pub(crate) async fn stream(&self, request: Request<Body>) -> Result<Response<Body>, Trouble> {
        match self {
            Self::Hosted(hosted) => hosted.stream(request).await,
            Self::Neighbour(neighbour) => neighbour.stream(request).await,
            Self::Own(own) => own.stream(request).await,
        }
    }

    /// Lets go of the folder, if it is ours.
    pub(crate) async fn close(self) {
        match self {
            Self::Own(own) => own.close().await,
            Self::Hosted(_) | Self::Neighbour(_) => {}
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotSent(message) => Self::unreachable(message),
            Trouble::Broken(message) => Self::unreachable(format!(
                "{message}; the request may have been carried out, look before you repeat it"
            )),
        }
    }
}

fn silent_owner(folder: &Path, pid: u32) -> Failure {
    Failure::unreachable(format!(
        "the data folder {} is owned by process {pid}, which does not answer; stop that process, or choose another \
         folder with --data-dir",
        folder.display()
    ))
}
