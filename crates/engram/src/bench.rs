//! The benchmarks: speed under load, speed of search, quality of retrieval, usage under kills, the way in, and what
//! operators and their tools look at.

mod at_once;
mod builtin;
mod dice;
pub(crate) mod gateway;
pub(crate) mod load;
mod models;
pub(crate) mod operate;
pub(crate) mod retrieval;
pub(crate) mod search;
mod texts;
pub(crate) mod usage;
