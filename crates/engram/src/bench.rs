//! The benchmarks: speed under load, and quality of retrieval.

pub(crate) mod load;
pub(crate) mod retrieval;
pub(crate) mod usage;
