//! What a run found, as JSON for machines; people get a table of the same numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bootstrap::{CONFIDENCE, Interval, RESAMPLES, mean};
use super::compare::Comparison;
use super::corpus::Corpus;
use super::measures::{Measures, Tally};
use super::no_answer::NoAnswer;
use super::run::{Counted, Options, Outcome};

/// Every number of a run; measures are percents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// The full search.
    #[serde(flatten)]
    pub(crate) hybrid: Ranked,
    /// Plain BM25 over the same stores.
    pub(crate) bm25: Ranked,
    /// How far the means would move with other questions.
    pub(crate) bootstrap: Bootstrap,
    /// The groups that the ranking was tuned on and the others apart; empty when it was tuned on none of them.
    pub(crate) splits: Vec<Split>,
    /// The full search, judged by sessions; absent when the documents have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionLevel>,
    /// The same questions misspelt, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) typos: Option<Typos>,
    /// What least scores do; absent with a single group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) no_answer: Option<NoAnswer>,
    /// Beside an earlier run, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compare: Option<Comparison>,
    /// Time of one full search of ten hits, embedding included.
    pub(crate) latency_ms: Latency,
    /// What was measured on.
    pub(crate) corpus: Size,
    /// Each question of the full search, for `--compare`.
    pub(crate) questions: Vec<Score>,
}

/// One way to rank.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ranked {
    /// Over all questions.
    pub(crate) overall: Measures,
    /// Over the questions of each category.
    pub(crate) by_category: BTreeMap<String, Measures>,
    /// Over the questions of each group.
    pub(crate) by_group: BTreeMap<String, Measures>,
}

/// Where the means of recall lie, with 95 % confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bootstrap {
    pub(crate) resamples: usize,
    pub(crate) confidence: f64,
    pub(crate) seed: u64,
    pub(crate) search: Recalls<Interval>,
    pub(crate) bm25: Recalls<Interval>,
    /// Search less BM25, question by question.
    pub(crate) beyond_bm25: Recalls<Interval>,
}

/// One value for each k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Recalls<T> {
    #[serde(rename = "recall@1")]
    pub(crate) recall_1: T,
    #[serde(rename = "recall@5")]
    pub(crate) recall_5: T,
    #[serde(rename = "recall@10")]
    pub(crate) recall_10: T,
    #[serde(rename = "recall@20")]
    pub(crate) recall_20: T,
}

/// Some of the groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Split {
    /// `development` (the ranking was tuned on it) or `test`.
    pub(crate) name: &'static str,
    pub(crate) groups: Vec<String>,
    pub(crate) questions: u32,
    pub(crate) search: Measures,
    pub(crate) search_intervals: Recalls<Interval>,
    pub(crate) bm25: Measures,
}

/// Recall of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct SessionLevel {
    /// Share of the sessions with an answer among the first ten sessions found.
    #[serde(rename = "recall@10")]
    pub(crate) recall_10: f64,
    pub(crate) interval: Interval,
}

/// Misspelt questions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Typos {
    /// Words with an edit in each question.
    pub(crate) edits: usize,
    pub(crate) search: Misspelt,
    pub(crate) bm25: Misspelt,
}

/// Recall of misspelt questions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Misspelt {
    #[serde(rename = "recall@10")]
    pub(crate) recall_10: f64,
    /// As a share of the recall of the clean questions, 1 when nothing is lost.
    pub(crate) relative: f64,
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// How large the corpus is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Size {
    pub(crate) groups: usize,
    pub(crate) documents: usize,
    pub(crate) questions: usize,
    pub(crate) questions_by_category: BTreeMap<String, u32>,
    /// Questions left out because nothing they should find is there, and other oddities.
    pub(crate) remarks: usize,
}

/// One question's recall, in fractions of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Score {
    pub(crate) id: String,
    #[serde(rename = "recall@1")]
    pub(crate) recall_1: f64,
    #[serde(rename = "recall@5")]
    pub(crate) recall_5: f64,
    #[serde(rename = "recall@10")]
    pub(crate) recall_10: f64,
    #[serde(rename = "recall@20")]
    pub(crate) recall_20: f64,
}

impl Report {
    pub(super) fn new(corpus: &Corpus, options: &Options, counted: Counted) -> Self {
        let Counted { outcomes, unanswered, latencies } = counted;
        let all: Vec<&Outcome> = outcomes.iter().collect();
        let groups: Vec<_> =
            corpus.groups.iter().map(|group| (group.name.clone(), group.documents.len())).collect();
        let by_category = by(&all, |one| one.category.clone());
        Self {
            hybrid: Ranked::new(corpus, &all, |one| one.search),
            bm25: Ranked::new(corpus, &all, |one| one.bm25),
            bootstrap: Bootstrap {
                resamples: RESAMPLES,
                confidence: CONFIDENCE,
                seed: options.seed,
                search: intervals(&all, options.seed, |one, of| of(&one.search)),
                bm25: intervals(&all, options.seed, |one, of| of(&one.bm25)),
                beyond_bm25: intervals(&all, options.seed, |one, of| of(&one.search) - of(&one.bm25)),
            },
            splits: splits(corpus, &all, options.seed),
            session: SessionLevel::new(&all, options.seed),
            typos: options.typos.map(|edits| Typos::new(edits, &all)),
            no_answer: NoAnswer::new(&groups, &outcomes, &unanswered),
            compare: None,
            latency_ms: Latency::of(latencies),
            corpus: Size {
                groups: corpus.groups.len(),
                documents: corpus.documents(),
                questions: corpus.questions(),
                questions_by_category: by_category
                    .iter()
                    .map(|(name, outcomes)| (name.clone(), outcomes.len() as u32))
                    .collect(),
                remarks: corpus.remarks().count(),
            },
            questions: outcomes.iter().map(Score::of).collect(),
        }
    }
}

impl Ranked {
    fn new(corpus: &Corpus, all: &[&Outcome], of: fn(&Outcome) -> Measures) -> Self {
        let means = |outcomes: &[&Outcome]| means(outcomes, of);
        let means_by = |name: &dyn Fn(&Outcome) -> Option<String>| {
            by(all, name).into_iter().map(|(name, outcomes)| (name, means(&outcomes))).collect()
        };
        Self {
            overall: means(all),
            by_category: means_by(&|one| one.category.clone()),
            by_group: means_by(&|one| Some(corpus.groups[one.group].name.clone())),
        }
    }
}

impl SessionLevel {
    fn new(all: &[&Outcome], seed: u64) -> Option<Self> {
        let recalls: Vec<f64> = all.iter().filter_map(|one| one.session).collect();
        let level = || Self { recall_10: mean(&recalls), interval: Interval::of_mean(&recalls, seed) };
        (!recalls.is_empty()).then(level)
    }
}

impl Typos {
    fn new(edits: usize, all: &[&Outcome]) -> Self {
        let misspelt = |at: usize, clean: fn(&Outcome) -> f64| {
            let found: Vec<f64> = all.iter().filter_map(|one| Some(one.misspelt?[at])).collect();
            let clean: Vec<f64> = all.iter().map(|one| clean(one)).collect();
            let share = found.iter().sum::<f64>() / clean.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            Misspelt { recall_10: mean(&found), relative: (share * 1e4).round() / 1e4 }
        };
        Self {
            edits,
            search: misspelt(0, |one| one.search.recall_10),
            bm25: misspelt(1, |one| one.bm25.recall_10),
        }
    }
}

impl Latency {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let percentile = |share: f64| {
            let last = latencies.len().saturating_sub(1);
            let at = (last as f64 * share).round() as usize;
            latencies.get(at).map_or(0.0, |latency| (latency.as_secs_f64() * 1e6).round() / 1e3)
        };
        Self { p50: percentile(0.5), p99: percentile(0.99) }
    }
}

/// Reads one number of something measured.
pub(super) type Measure<T> = fn(&T) -> f64;

impl Score {
    /// The measures that runs are compared by.
    pub(super) const MEASURES: [(&'static str, Measure<Self>); 4] = [
        ("recall@1", |score| score.recall_1),
        ("recall@5", |score| score.recall_5),
        ("recall@10", |score| score.recall_10),
        ("recall@20", |score| score.recall_20),
    ];

    fn of(outcome: &Outcome) -> Self {
        let Measures { recall_1, recall_5, recall_10, recall_20, .. } = outcome.search;
        Self { id: outcome.id.clone(), recall_1, recall_5, recall_10, recall_20 }
    }
}

/// The groups the ranking was tuned on, and the others.
fn splits(corpus: &Corpus, all: &[&Outcome], seed: u64) -> Vec<Split> {
    let is_tuned_on = |group: usize| corpus.tuned_on.contains(&corpus.groups[group].name.as_str());
    if !(0..corpus.groups.len()).any(is_tuned_on) {
        return Vec::new();
    }
    let split = |(name, tuned_on): (&'static str, bool)| {
        let within: Vec<&Outcome> =
            all.iter().filter(|one| is_tuned_on(one.group) == tuned_on).copied().collect();
        let groups = (0..corpus.groups.len()).filter(|at| is_tuned_on(*at) == tuned_on);
        Split {
            name,
            groups: groups.map(|at| corpus.groups[at].name.clone()).collect(),
            questions: within.len() as u32,
            search: means(&within, |one| one.search),
            search_intervals: intervals(&within, seed, |one, of| of(&one.search)),
            bm25: means(&within, |one| one.bm25),
        }
    };
    [("development", true), ("test", false)]
        .into_iter()
        .map(split)
        .filter(|split| split.questions > 0)
        .collect()
}

fn intervals(
    outcomes: &[&Outcome],
    seed: u64,
    value: fn(&Outcome, Measure<Measures>) -> f64,
) -> Recalls<Interval> {
    let interval = |of: fn(&Measures) -> f64| {
        let values: Vec<f64> = outcomes.iter().map(|one| value(one, of)).collect();
        Interval::of_mean(&values, seed)
    };
    Recalls {
        recall_1: interval(|m| m.recall_1),
        recall_5: interval(|m| m.recall_5),
        recall_10: interval(|m| m.recall_10),
        recall_20: interval(|m| m.recall_20),
    }
}

fn means(outcomes: &[&Outcome], of: fn(&Outcome) -> Measures) -> Measures {
    let mut tally = Tally::default();
    outcomes.iter().for_each(|one| tally.add(of(one)));
    tally.means()
}

fn by<'a>(
    all: &[&'a Outcome],
    name: impl Fn(&Outcome) -> Option<String>,
) -> BTreeMap<String, Vec<&'a Outcome>> {
    let mut named: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
    for one in all {
        if let Some(name) = name(one) {
            named.entry(name).or_default().push(one);
        }
    }
    named
}
