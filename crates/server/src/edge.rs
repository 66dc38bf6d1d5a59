//! The outermost layer: connections, request ids, bounds, and one shape for everything that goes wrong.

mod answer;
mod arrival;
mod passage;
mod serve;

pub use answer::{error_answer, json_answer, rate_headers};
pub use arrival::{Arrival, credentials};
pub use gateway::Peer;
pub use passage::pass_through;
pub use serve::{ServeOptions, serve};

pub(crate) use passage::{read_away, too_large};
