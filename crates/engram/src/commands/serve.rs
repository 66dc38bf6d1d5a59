//! `engram serve`: starts the service, says how to use it, and ends it without losing a write.

mod certificate;
mod claim;
mod greeting;
mod listeners;
mod safety;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clap::Args;
use server::app::App;
use server::edge::{ServeOptions, serve};
use server::ownership::serve_local;
use server::telemetry::start_logging;
use tenancy::Environment;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::{Env, Shared, load};
use crate::failure::Failure;
use crate::terminal::Format;

use listeners::HandedOver;
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
leaves, serves on for drain.wait_ms, finishes what it does, and is gone within 30 s. A second Ctrl-C does not wait.
SIGHUP reads the certificate again. A socket handed over by LISTEN_FDS (systemd) is used instead of --listen.";

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
        start_logging(&config.telemetry, &config.traces);
        safety::require(&config)?;

        let mut signals = Signals::catch()?;
        let certificate = certificate::load(&config)?;
        let handed_over = HandedOver::take()?;
        let folder = config.service.data_dir.clone();
        let mut ownership = claim::claim(&folder, handed_over.origin()).await?;
        let listeners = handed_over.complete(&config).await?;
        let environment = config.service.environment;
        let app = App::open(config).await.map_err(Failure::unreachable)?;
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let address = listeners.main.local_addr().map_err(Failure::unreachable)?;
        let url = format!("{scheme}://{}", reachable(address));

        let stop = CancellationToken::new();
        let mut doors = JoinSet::new();
        doors.spawn(serve_local(ownership.listen()?, app.router(), stop.clone()));
        let plain = ServeOptions {
            leaving: app.lifecycle.leaving(),
            ..ServeOptions::new(app.config.limits.header_timeout)
        };
        if let Some(listener) = listeners.metrics {
            doors.spawn(serve(listener, metrics_router(&app), plain.clone(), stop.clone()));
        }
        if let Some(certificate) = &certificate {
            certificate::follow(certificate, &mut doors, &stop)?;
        }
        let options = ServeOptions { certificate, ..plain };
        doors.spawn(serve(listeners.main, app.router(), options, stop.clone()));
        ownership.announce(&url)?;
        let console = app.config.console.enabled.then_some("/console");
        greeting::print(&url, app.dev.as_ref(), &folder, console, format)?;

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
