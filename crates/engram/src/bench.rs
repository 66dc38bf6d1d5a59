//! The benchmarks: speed under load, speed of search, quality of retrieval, usage under kills, and the way in.

mod builtin;
mod dice;
pub(crate) mod gateway;
pub(crate) mod load;
mod models;
pub(crate) mod retrieval;
pub(crate) mod search;
mod texts;
pub(crate) mod usage;
