//! Measures whole searches in this process on one thread: how long one takes in stores of several sizes, with and
//! without filters, beside plain BM25 in the same run.

mod report;
mod run;
mod store;

pub(crate) use report::{Report, Row, StoreRow};
pub(crate) use run::{Plan, run};
