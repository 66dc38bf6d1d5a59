//! `engram bench retrieval`: asks questions with known answers and shows how many of them search finds.

use std::path::{Path, PathBuf};

use clap::Args;

use super::scratch;
use crate::bench::retrieval::{
    Comparison, Corpus, Earlier, Interval, NoAnswer, Options, Ranked, Report, read_jsonl, read_locomo, run,
};
use crate::cli::Shared;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram bench retrieval --locomo locomo10.json
  engram bench retrieval --locomo locomo10.json --conversations conv-26,conv-42 --json
  engram bench retrieval --jsonl my-corpus/ --typos 1
  engram bench retrieval --locomo locomo10.json --rerank models/all-MiniLM-L6-v2
  engram bench retrieval --locomo locomo10.json --json > before.json
  engram bench retrieval --locomo locomo10.json --compare before.json

A corpus of your own is a folder with two files, one JSON object a line:
  documents.jsonl  {\"id\", \"text\", \"group\", \"session\"?, \"actor\"?, \"time\"?}
  queries.jsonl    {\"id\", \"text\", \"group\", \"relevant\": [ids], \"category\"?}
Each group is a store of its own. A query with no relevant ids is one that nothing answers.";

/// More groups than this are in the JSON only.
const GROUPS_SHOWN_MAX: usize = 12;

/// How often search finds what answers a question
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Retrieval {
    #[command(flatten)]
    source: Source,
    /// Only these conversations or groups
    #[arg(long, value_delimiter = ',')]
    conversations: Vec<String>,
    /// Ask misspelt, too: so many words of each query get a wrong letter
    #[arg(long, value_name = "EDITS", value_parser = clap::value_parser!(u8).range(1..=3))]
    typos: Option<u8>,
    /// Vectors by the transformer in this folder instead of the built-in model
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Ask the transformer in this folder about the best hits, as `rerank` does
    #[arg(long, value_name = "FOLDER")]
    rerank: Option<PathBuf>,
    /// An earlier report (--json) to compare with; fails when recall@10 is worse by more than chance
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Of the misspellings and of the confidence intervals
    #[arg(long, default_value_t = 7)]
    seed: u64,
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
        let measured = tokio::task::spawn_blocking(move || self.measure(scratch.path()));
        let report = measured.await.map_err(Failure::refused)??;
        match format {
            Format::Json => terminal::json(&report)?,
            Format::People => show(&report),
        }
        match &report.compare {
            Some(comparison) if comparison.is_worse() => {
                Err(Failure::refused("recall@10 is worse than in the earlier run by more than chance"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn measure(&self, scratch: &Path) -> anyhow::Result<Report> {
        let earlier = self.compare.as_deref().map(Earlier::read).transpose()?;
        let corpus = self.source.read()?.only(&self.conversations)?;
        for remark in corpus.remarks() {
            terminal::remark(format!("left out: {remark}"));
        }
        let options = Options {
            seed: self.seed,
            typos: self.typos.map(usize::from),
            model: self.model.clone(),
            reranker: self.rerank.clone(),
        };
        let mut report = run(&corpus, scratch, &options)?;
        report.compare = earlier.map(|earlier| Comparison::new(&earlier, &report, self.seed)).transpose()?;
        Ok(report)
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
    show_measures(report);
    show_certainty(report);
    if let Some(typos) = report.typos {
        terminal::line(format!(
            "With {} misspelt: search recall@10 {:.1} ({:.3} of the clean), BM25 {:.1} ({:.3})",
            counted(typos.edits, "word", "words"),
            typos.search.recall_10,
            typos.search.relative,
            typos.bm25.recall_10,
            typos.bm25.relative,
        ));
    }
    if let Some(no_answer) = &report.no_answer {
        show_no_answer(no_answer);
    }
    if let Some(comparison) = &report.compare {
        show_comparison(comparison);
    }
    terminal::line(format!(
        "One search: p50 {:.2} ms, p99 {:.2} ms",
        report.latency_ms.p50, report.latency_ms.p99
    ));
}

fn show_measures(report: &Report) {
    let corpus = &report.corpus;
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
}

/// How sure the figures are, and what they are without the groups that the ranking was tuned on.
fn show_certainty(report: &Report) {
    let bootstrap = &report.bootstrap;
    terminal::line(format!(
        "recall@10 lies in {} (search), {} (BM25), their difference in {}: {} % of {} resamples, seed {}",
        range(bootstrap.search.recall_10),
        range(bootstrap.bm25.recall_10),
        range(bootstrap.beyond_bm25.recall_10),
        bootstrap.confidence * 100.0,
        bootstrap.resamples,
        bootstrap.seed,
    ));
    for split in &report.splits {
        terminal::line(format!(
            "{}: {} ({} questions): recall@10 {:.1} in {}, BM25 {:.1}",
            match split.name {
                "development" => "Tuned on",
                _ => "Never tuned on",
            },
            split.groups.join(", "),
            split.questions,
            split.search.recall_10,
            range(split.search_intervals.recall_10),
            split.bm25.recall_10,
        ));
    }
    if report.hybrid.by_group.len() > 1 && report.hybrid.by_group.len() <= GROUPS_SHOWN_MAX {
        let groups = report.hybrid.by_group.iter();
        let told: Vec<_> =
            groups.map(|(name, measures)| format!("{name} {:.1}", measures.recall_10)).collect();
        terminal::line(format!("recall@10 of each: {}", told.join(", ")));
    }
    if let Some(session) = report.session {
        terminal::line(format!(
            "Session level: recall@10 {:.1} in {}",
            session.recall_10,
            range(session.interval)
        ));
    }
}

fn show_no_answer(no_answer: &NoAnswer) {
    terminal::line(format!(
        "{} questions of other groups, {} made to have no answer. A question with an answer outscores one of another group \
         {:.1} times in 100. A least score keeps and refuses, in percent:",
        no_answer.questions_of_other_groups, no_answer.unanswerable_questions, no_answer.outscores,
    ));
    let rows = no_answer.least_scores.iter().map(|row| {
        let [answered, evidence, elsewhere, unanswerable] =
            [row.answered, row.evidence_kept, row.elsewhere_refused, row.unanswerable_refused]
                .map(|value| format!("{value:.1}"));
        let unanswerable = if no_answer.unanswerable_questions == 0 { "-".to_owned() } else { unanswerable };
        [format!("{:.2}", row.min_score), answered, evidence, elsewhere, unanswerable]
    });
    let header = ["MIN_SCORE", "ANSWERED", "EVIDENCE KEPT", "OTHERS' REFUSED", "NO ANSWER REFUSED"];
    terminal::table(header, &[0, 1, 2, 3, 4], rows);
}

fn show_comparison(comparison: &Comparison) {
    terminal::line(format!("{} questions beside the earlier run, in percent:", comparison.questions));
    let rows = comparison.measures.iter().map(|one| {
        [
            one.measure.to_owned(),
            format!("{:.1}", one.earlier),
            format!("{:.1}", one.now),
            format!("{:+.2}", one.difference),
            range(one.interval),
            one.verdict.words().to_owned(),
        ]
    });
    terminal::table(["MEASURE", "EARLIER", "NOW", "DIFFERENCE", "LIES IN", "THAT IS"], &[1, 2, 3, 4], rows);
}

fn range(interval: Interval) -> String {
    format!("{:.1} to {:.1}", interval.low, interval.high)
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
