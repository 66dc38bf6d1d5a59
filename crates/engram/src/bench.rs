//! The benchmarks: speed under load, quality of retrieval, usage under kills, and the way in.

pub(crate) mod gateway;
pub(crate) mod load;
pub(crate) mod retrieval;
pub(crate) mod usage;
