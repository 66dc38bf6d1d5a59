//! One run: each group into a store of its own, each question asked by the full search and by plain BM25.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use engine::{
    BATCH_ROWS_MAX, Bounds, Draft, Hit, MemoryId, NewMemory, Ranking, SearchQuery, Store, StoreOptions,
};
use jiff::Timestamp;
use stdx::clock::ManualClock;

use super::corpus::{Corpus, Document, Group, Question};
use super::measures::Measures;
use super::no_answer::Unanswered;
use super::report::Report;
use super::typos::misspell;
use crate::bench::models::Models;

/// Hits looked at: enough for recall@20, for ten sessions, and for a rank that still counts in MRR.
const DEPTH: usize = 100;
/// Hits a caller usually asks for; what the latencies are measured with.
const USUAL_LIMIT: usize = 10;
/// Sessions looked at for session-level recall.
const SESSIONS: usize = 10;
/// The day of the run when no document has a time, so that every run is the same.
const DAY_WITHOUT_TIMES: i64 = 1_767_225_600;

/// How a run is made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Of the misspellings and of the resampling.
    pub(crate) seed: u64,
    /// Edits in each query, if they are asked misspelt, too.
    pub(crate) typos: Option<usize>,
    /// Folder of a transformer that makes the vectors instead of the built-in model.
    pub(crate) model: Option<PathBuf>,
    /// Folder of a transformer that judges the best hits.
    pub(crate) reranker: Option<PathBuf>,
}

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) unanswered: Unanswered,
    pub(super) latencies: Vec<Duration>,
}

/// What became of one question; measures are fractions of 1.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) id: String,
    /// Its group's place in the corpus.
    pub(super) group: usize,
    pub(super) category: Option<String>,
    pub(super) search: Measures,
    pub(super) bm25: Measures,
    /// Share of the sessions with an answer that were found; `None` where there are no sessions.
    pub(super) session: Option<f64>,
    /// The same question misspelt: recall@10 of the full search and of plain BM25.
    pub(super) misspelt: Option<[f64; 2]>,
    /// Score of the best hit; 0 without one.
    pub(super) best_score: f64,
    /// Scores of the relevant documents among the first ten.
    pub(super) evidence_scores: Vec<f64>,
}

/// Measures `corpus`; stores live in `scratch` and may be thrown away after.
///
/// # Errors
/// When a model cannot be used, a store refuses a document or a search fails.
pub(crate) fn run(corpus: &Corpus, scratch: &Path, options: &Options) -> Result<Report> {
    let mut counted = Counted::default();
    let models = Models::open(options.model.as_deref(), options.reranker.as_deref())?;
    for (at, group) in corpus.groups.iter().enumerate().filter(|(_, group)| !group.questions.is_empty()) {
        let path = scratch.join(format!("group-{at}.db"));
        let told = || format!("in group {:?}", group.name);
        let bench = GroupBench::fill(at, group, &path, &models).with_context(told)?;
        bench.ask_all(options, &mut counted).with_context(told)?;
        let next = &corpus.groups[(at + 1) % corpus.groups.len()];
        bench.ask_what_nothing_answers(next, &mut counted).with_context(told)?;
    }
    Ok(Report::new(corpus, options, counted))
}

/// One group in a store of its own.
struct GroupBench<'a> {
    at: usize,
    group: &'a Group,
    models: &'a Models,
    store: Store,
    positions: BTreeMap<MemoryId, usize>,
}

impl<'a> GroupBench<'a> {
    fn fill(at: usize, group: &'a Group, path: &Path, models: &'a Models) -> Result<Self> {
        let options = StoreOptions {
            clock: ManualClock::at(day_after(&group.documents)),
            model: Some(models.identity()),
        };
        let store = Store::open(path, options)?;
        let positions = fill(&store, &group.documents, models)?;
        Ok(Self { at, group, models, store, positions })
    }

    fn ask_all(&self, options: &Options, counted: &mut Counted) -> Result<()> {
        for question in &self.group.questions {
            let started = Instant::now();
            self.models.search(&self.store, &self.models.query(&question.text, USUAL_LIMIT))?;
            counted.latencies.push(started.elapsed());
            let number = counted.outcomes.len();
            let mut outcome = self.ask(question)?;
            if let Some(edits) = options.typos {
                let misspelt = misspell(&question.text, edits, options.seed, number);
                let [search, bm25] = self.rankings(&misspelt)?;
                let recall = |hits: &[Hit]| Measures::of(&self.ranking(hits), &question.relevant).recall_10;
                outcome.misspelt = Some([recall(&search), recall(&bm25)]);
            }
            counted.outcomes.push(outcome);
        }
        Ok(())
    }

    fn ask(&self, question: &Question) -> Result<Outcome> {
        let [search, bm25] = self.rankings(&question.text)?;
        let ranking = self.ranking(&search);
        let first = search.iter().take(USUAL_LIMIT);
        let relevant = first.filter(|hit| {
            self.positions.get(&hit.memory.id).is_some_and(|position| question.relevant.contains(position))
        });
        Ok(Outcome {
            id: question.id.clone(),
            group: self.at,
            category: question.category.clone(),
            search: Measures::of(&ranking, &question.relevant),
            bm25: Measures::of(&self.ranking(&bm25), &question.relevant),
            session: session_recall(&self.group.documents, &ranking, &question.relevant),
            misspelt: None,
            best_score: best_score(&search),
            evidence_scores: relevant.map(|hit| hit.score).collect(),
        })
    }

    /// Asks the questions of another group, and those that were made to have no answer.
    fn ask_what_nothing_answers(&self, other: &Group, counted: &mut Counted) -> Result<()> {
        let best = |text: &String| -> Result<(usize, f64)> {
            let found = self.models.search(&self.store, &self.models.query(text, 1))?;
            Ok((self.at, best_score(&found.hits)))
        };
        if other.name != self.group.name {
            for question in &other.questions {
                counted.unanswered.elsewhere.push(best(&question.text)?);
            }
        }
        for text in &self.group.unanswerable {
            counted.unanswered.unanswerable.push(best(text)?);
        }
        Ok(())
    }

    /// Hits of the full search and of plain BM25.
    fn rankings(&self, text: &str) -> Result<[Vec<Hit>; 2]> {
        let asked = self.models.query(text, DEPTH);
        let search = self.models.search(&self.store, &asked)?.hits;
        let bm25 = self.store.search(&SearchQuery { ranking: Ranking::Bm25, ..asked })?.hits;
        Ok([search, bm25])
    }

    /// Positions of the documents found.
    fn ranking(&self, hits: &[Hit]) -> Vec<usize> {
        hits.iter().filter_map(|hit| self.positions.get(&hit.memory.id).copied()).collect()
    }
}

fn best_score(hits: &[Hit]) -> f64 {
    hits.first().map_or(0.0, |hit| hit.score)
}

/// Stores the documents in their order; the answer maps memories to positions.
fn fill(store: &Store, documents: &[Document], models: &Models) -> Result<BTreeMap<MemoryId, usize>> {
    let mut positions = BTreeMap::new();
    // A blank document cannot be stored, and nothing can be found in it.
    let numbered: Vec<_> =
        documents.iter().enumerate().filter(|(_, document)| !document.text.trim().is_empty()).collect();
    for rows in numbered.chunks(BATCH_ROWS_MAX) {
        let texts: Vec<&str> = rows.iter().map(|(_, document)| document.text.as_str()).collect();
        let drafts = rows.iter().zip(models.embed(&texts)).map(|((_, document), embedded)| Draft {
            memory: NewMemory {
                content: document.text.clone(),
                session_id: document.session.clone(),
                actor: document.actor.clone(),
                event_time: document.time,
                ..NewMemory::default()
            },
            embedded: Some(embedded),
        });
        let stored = store.create(drafts.collect(), None, Bounds::NONE)?;
        positions.extend(stored.items.iter().zip(rows).map(|(item, (at, _))| (item.memory.id, *at)));
    }
    Ok(positions)
}

/// Share of the sessions with relevant documents among the first ten sessions met in `ranking`; `None` when a
/// relevant document has no session.
fn session_recall(documents: &[Document], ranking: &[usize], relevant: &[usize]) -> Option<f64> {
    let mut wanted: Vec<_> =
        relevant.iter().map(|at| documents[*at].session.as_deref()).collect::<Option<_>>()?;
    wanted.sort_unstable();
    wanted.dedup();
    let mut met: Vec<&str> = Vec::new();
    for session in ranking.iter().filter_map(|at| documents[*at].session.as_deref()) {
        if met.len() < SESSIONS && !met.contains(&session) {
            met.push(session);
        }
    }
    Some(wanted.iter().filter(|session| met.contains(session)).count() as f64 / wanted.len() as f64)
}

/// A day after the newest document: the questions look back.
fn day_after(documents: &[Document]) -> Timestamp {
    let newest = documents
        .iter()
        .filter_map(|document| document.time)
        .max()
        .map_or(DAY_WITHOUT_TIMES, Timestamp::as_second);
    Timestamp::from_second(newest + 24 * 60 * 60).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_recall_counts_sessions_not_turns() {
        let document =
            |session: Option<&str>| Document { session: session.map(str::to_owned), ..Document::default() };
        let documents = [document(Some("a")), document(Some("a")), document(Some("b")), document(None)];
        assert_eq!(session_recall(&documents, &[1], &[0]), Some(1.0));
        assert_eq!(session_recall(&documents, &[3, 1], &[0, 2]), Some(0.5));
        assert_eq!(session_recall(&documents, &[0], &[3]), None);
    }
}
