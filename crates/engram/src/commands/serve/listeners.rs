//! The sockets a service listens on: its own, or those that whoever started it holds open over restarts.

use std::io;
use std::net::SocketAddr;

use listenfd::ListenFd;
use server::config::Config;
use tokio::net::TcpListener;

use crate::failure::Failure;

/// Where the sockets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// This process made them.
    Bound,
    /// They were handed over (`LISTEN_FDS`): connections wait in them while one process follows another.
    Inherited,
}

/// Sockets that were handed over.
pub(super) struct HandedOver {
    main: Option<TcpListener>,
    rest: ListenFd,
}

/// The sockets of a service.
#[derive(Debug)]
pub(super) struct Listeners {
    /// REST and MCP.
    pub(super) main: TcpListener,
    /// `/metrics`, where it has an address of its own.
    pub(super) metrics: Option<TcpListener>,
}

impl HandedOver {
    /// Reads `LISTEN_FDS` and `LISTEN_PID`, which are the supervisor's words to this process and no settings.
    pub(super) fn take() -> Result<Self, Failure> {
        let mut rest = ListenFd::from_env();
        Ok(Self { main: take(&mut rest, 0)?, rest })
    }

    /// Where the service's socket will come from.
    pub(super) fn origin(&self) -> Origin {
        if self.main.is_some() { Origin::Inherited } else { Origin::Bound }
    }

    /// The first socket is the service's, the second that of `/metrics` if it has an address of its own; what was not
    /// handed over is made. Called before anything is opened: a busy port is told at once.
    pub(super) async fn complete(mut self, config: &Config) -> Result<Listeners, Failure> {
        let main = match self.main.take() {
            Some(listener) => listener,
            None => bind(config.service.listen, "--listen").await?,
        };
        let metrics = match (config.telemetry.metrics_listen, take(&mut self.rest, 1)?) {
            (Some(_), Some(listener)) => Some(listener),
            (Some(address), None) => Some(bind(address, "--metrics-listen").await?),
            (None, _) => None,
        };
        Ok(Listeners { main, metrics })
    }
}

fn take(handed_over: &mut ListenFd, index: usize) -> Result<Option<TcpListener>, Failure> {
    if index >= handed_over.len() {
        return Ok(None);
    }
    let unusable = |error: io::Error| {
        Failure::unreachable(format!(
            "socket {index} of LISTEN_FDS cannot be used: {error}; hand over a TCP socket"
        ))
    };
    let Some(listener) = handed_over.take_tcp_listener(index).map_err(unusable)? else { return Ok(None) };
    listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)).map(Some).map_err(unusable)
}

async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("stop the program that uses it, or choose another with {option}")
            }
            io::ErrorKind::PermissionDenied => format!("choose a port above 1023 with {option}"),
            _ => format!("choose another address with {option}"),
        };
        Failure::unreachable(format!("cannot listen on {address}: {error}; {remedy}"))
    })
}
