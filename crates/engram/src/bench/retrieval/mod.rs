//! Measures how often search finds what answers a question: recall, MRR and nDCG over a corpus with known
//! answers, beside plain BM25 in the same run.
//!
//! Everything happens in this process, with the engine and the built-in embedding, and is deterministic.

mod corpus;
mod jsonl;
mod locomo;
mod measures;
mod report;
mod run;

pub(crate) use corpus::Corpus;
pub(crate) use jsonl::read_jsonl;
pub(crate) use locomo::read_locomo;
pub(crate) use report::{Ranked, Report};
pub(crate) use run::run;
