//! Measures how often search finds what answers a question: recall, MRR and nDCG over a corpus with known
//! answers, beside plain BM25 in the same run.
//!
//! Everything happens in this process, with the engine and the built-in embedding, and is deterministic.

mod bootstrap;
mod compare;
mod corpus;
mod jsonl;
mod locomo;
mod measures;
mod no_answer;
mod report;
mod run;
mod typos;

pub(crate) use bootstrap::Interval;
pub(crate) use compare::{Comparison, Earlier};
pub(crate) use corpus::Corpus;
pub(crate) use jsonl::read_jsonl;
pub(crate) use locomo::read_locomo;
pub(crate) use no_answer::NoAnswer;
pub(crate) use report::{Ranked, Report};
pub(crate) use run::{Options, run};
