//! `engram serve`: starts the service, says how to use it, and ends it without losing a write.

mod greeting;
mod safety;
mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clap::Args;
use server::app::App;
use server::edge::{ServeOptions, serve};
use server::ownership::{Claim, Owner, Ownership, create_data_folder, serve_local};
use server::telemetry::start_logging;
use tenancy::Environment;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::{Env, Shared, load};
use crate::failure::Failure;
use crate::terminal::Format;

pub(crate) use safety::refusal as unsafe_refusal;
use signals::{Ending, Signals};

const EXAMPLES: &str = "\
Examples:
  engram serve                                  on 127.0.0.1:8080, data in ~/.local/share/engram
  engram serve --listen 0.0.0.0:9000 --data-dir /var/lib/engram
  engram serve --json-ready                     one JSON line when it answers: url, tenant, api_key
  engram serve --env prod --config /etc/engram.toml
  engram serve --control-url postgres://engram@db/engram

In dev, Ctrl-C stops it at once after the last commit. Elsewhere, and with SIGTERM, it says on /ready that it
leaves, serves 5 s more, finishes what it does, and is gone within 30 s. A second Ctrl-C does not wait.";

/// Start the service: REST and MCP over HTTP
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Kind of installation; decides the defaults of much else [default: dev]
    #[arg(long, value_enum, value_name = "ENV")]
    env: Option<Env>,
    /// An address of its own for /metrics, which --listen then no longer has
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// Print one JSON line when it answers, and nothing else, on standard output
    #[arg(long)]
    json_ready: bool,
}

impl Serve {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let config = load(&shared.sources(&[
            ("listen", self.listen),
            ("env", self.env.map(Env::word)),
            ("metrics.listen", self.metrics_listen),
        ])?)?;
        let format = if self.json_ready { Format::Json } else { shared.format() };
        start_logging(&config.telemetry);
        safety::require(&config)?;

        let mut signals = Signals::catch()?;
        let folder = config.service.data_dir.clone();
        create_data_folder(&folder)?;
        let mut ownership = match Ownership::claim(&folder)? {
            Claim::Granted(ownership) => ownership,
            Claim::HeldBy(owner) => return Err(foreign(&folder, &owner)),
        };
        // Bound before anything is opened: a busy port is told at once and changes nothing.
        let listener = listen(config.service.listen, "--listen").await?;
        let metrics_listener = match config.telemetry.metrics_listen {
            Some(address) => Some(listen(address, "--metrics-listen").await?),
            None => None,
        };
        let environment = config.service.environment;
        let app = App::open(config).await.map_err(Failure::unreachable)?;
        let url = format!("http://{}", reachable(listener.local_addr().map_err(Failure::unreachable)?));

        let stop = CancellationToken::new();
        let mut doors = tokio::task::JoinSet::new();
        doors.spawn(serve_local(ownership.listen()?, app.router(), stop.clone()));
        let options = ServeOptions::new(app.config.limits.header_timeout);
        doors.spawn(serve(listener, app.router(), options, stop.clone()));
        if let Some(listener) = metrics_listener {
            doors.spawn(serve(listener, metrics_router(&app), options, stop.clone()));
        }
        ownership.announce(&url)?;
        greeting::print(&url, app.dev.as_ref(), &folder, format)?;

        let ending = signals.wait().await;
        let ending = match (ending, environment) {
            (Ending::Interrupted, Environment::Dev) => Ending::Interrupted,
            (Ending::Interrupted | Ending::Terminated, _) => Ending::Terminated,
        };
        signals.drain(&app, ending, &stop, doors).await;
        drop(ownership);
        Ok(())
    }
}

async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener, Failure> {
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

/// `/metrics` alone.
fn metrics_router(app: &Arc<App>) -> Router {
    let telemetry = app.telemetry.clone();
    Router::new().route("/metrics", get(async move || telemetry.render()))
}

/// The address as a client on this machine writes it.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        usual => usual,
    }
}

fn foreign(folder: &Path, owner: &Owner) -> Failure {
    let at = owner.url.as_deref().map(|url| format!(" at {url}")).unwrap_or_default();
    Failure::unreachable(format!(
        "the data folder {} is served by process {}{at}; use that service, stop it, or choose another folder with --data-dir",
        folder.display(),
        owner.pid
    ))
}
