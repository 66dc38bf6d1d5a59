//! `/v1`.

mod memories;
mod search;
mod stats;
mod usage;
