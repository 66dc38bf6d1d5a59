//! Loads a service over HTTP and tells how fast it answers, what it costs, and what the bare disk could give.
//!
//! A closed loop: each connection sends its next request when the answer to the last has come. The service is a
//! child of its own in a scratch folder, unless a URL is given.

mod connection;
mod disk;
mod drive;
mod plan;
mod report;
mod scenarios;
mod service;

pub(super) use connection::{Call, Connection, Target};
pub(super) use drive::{Outcome, Pace, drive, percentile_ms};
pub(super) use service::{Service, cpu_time, resident_mib};

pub(crate) use plan::{Plan, run};
pub(crate) use report::Report;
pub(crate) use scenarios::Scenario;
pub(super) use scenarios::{BATCH_ROWS, Calls};
