//! The outermost layers: connections, request ids, bounds, and one shape for everything that goes wrong.

mod answer;
mod arrival;
mod arrive;
mod client;
mod connection;
mod cors;
mod passage;
mod serve;
mod tls;

pub use answer::{error_answer, json_answer, rate_headers};
pub use arrival::{Arrival, credentials};
pub use arrive::arrive;
pub use client::{Client, Transport};
pub use cors::Origins;
pub use gateway::Peer;
pub use passage::pass_through;
pub use serve::{ServeOptions, serve};
pub use tls::{Certificate, TlsError};

pub(crate) use cors::cors;
pub(crate) use passage::{read_away, too_large};
