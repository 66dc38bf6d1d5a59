//! `engram bench retrieval`: asks questions with known answers and shows how many of them search finds.

use std::path::PathBuf;

use clap::Args;

use super::scratch;
use crate::bench::retrieval::{Corpus, Ranked, Report, read_jsonl, read_locomo, run};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram bench retrieval --locomo locomo10.json
  engram bench retrieval --locomo locomo10.json --conversations conv-26,conv-42 --json
  engram bench retrieval --jsonl my-corpus/

A corpus of your own is a folder with two files, one JSON object a line:
  documents.jsonl  {\"id\", \"text\", \"group\", \"session\"?, \"actor\"?, \"time\"?}
  queries.jsonl    {\"id\", \"text\", \"group\", \"relevant\": [ids], \"category\"?}
Each group is a store of its own.";

/// How often search finds what answers a question
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Retrieval {
    #[command(flatten)]
    source: Source,
    /// Only these conversations or groups
    #[arg(long, value_delimiter = ',')]
    conversations: Vec<String>,
    /// Folder for the stores of the run [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// LoCoMo's file of conversations; categories 1-4 are asked
    #[arg(long, value_name = "FILE")]
    locomo: Option<PathBuf>,
    /// Folder with documents.jsonl and queries.jsonl
    #[arg(long, value_name = "DIR")]
    jsonl: Option<PathBuf>,
}

impl Retrieval {
    pub(super) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let scratch = scratch(self.scratch.as_deref())?;
        let format = shared.format();
        let measured = tokio::task::spawn_blocking(move || -> anyhow::Result<Report> {
            let corpus = self.source.read()?.only(&self.conversations)?;
            for remark in corpus.remarks() {
                terminal::remark(format!("left out: {remark}"));
            }
            run(&corpus, scratch.path())
        });
        let report = measured.await.map_err(Failure::refused)??;
        match format {
            Format::Json => terminal::json(&report),
            Format::People => {
                show(&report);
                Ok(())
            }
        }
    }
}

impl Source {
    fn read(&self) -> anyhow::Result<Corpus> {
        match (&self.locomo, &self.jsonl) {
            (Some(file), _) => read_locomo(file),
            (None, Some(folder)) => read_jsonl(folder),
            (None, None) => anyhow::bail!("give --locomo or --jsonl"),
        }
    }
}

fn show(report: &Report) {
    let corpus = &report.corpus;
    terminal::line(format!(
        "{} documents in {} groups, {} questions. In percent:",
        corpus.documents, corpus.groups, corpus.questions
    ));
    let ranked = |name: &str, ranked: &Ranked| {
        let mut rows = vec![(name.to_owned(), corpus.questions.to_string(), ranked.overall)];
        rows.extend(ranked.by_category.iter().map(|(category, measures)| {
            let questions = corpus.questions_by_category.get(category).copied().unwrap_or_default();
            (format!("  category {category}"), questions.to_string(), *measures)
        }));
        rows
    };
    let rows = ranked("search", &report.hybrid).into_iter().chain(ranked("BM25", &report.bm25));
    let rows = rows.map(|(name, questions, m)| {
        let [r1, r5, r10, r20, all5, all10, any5, any10, mrr, ndcg] = [
            m.recall_1,
            m.recall_5,
            m.recall_10,
            m.recall_20,
            m.all_5,
            m.all_10,
            m.any_5,
            m.any_10,
            m.mrr,
            m.ndcg_10,
        ]
        .map(|value| format!("{value:.1}"));
        [name, questions, r1, r5, r10, r20, all5, all10, any5, any10, mrr, ndcg]
    });
    let header = [
        "RANKING",
        "QUESTIONS",
        "R@1",
        "R@5",
        "R@10",
        "R@20",
        "ALL@5",
        "ALL@10",
        "ANY@5",
        "ANY@10",
        "MRR",
        "NDCG@10",
    ];
    terminal::table(header, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], rows);
    if let Some(session) = report.session {
        terminal::line(format!("Session level: recall@10 {:.1}", session.recall_10));
    }
    terminal::line(format!(
        "One search: p50 {:.2} ms, p99 {:.2} ms",
        report.latency_ms.p50, report.latency_ms.p99
    ));
}
