//! One run: each group into a store of its own, each question asked by the full search and by plain BM25.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use engine::{BATCH_ROWS_MAX, Bounds, Draft, MemoryId, NewMemory, Ranking, SearchQuery, Store, StoreOptions};
use jiff::Timestamp;
use stdx::clock::ManualClock;

use super::corpus::{Corpus, Document, Group};
use super::measures::Tally;
use super::report::Report;
use crate::bench::builtin::Builtin;

/// Hits looked at: enough for recall@20, for ten sessions, and for a rank that still counts in MRR.
const DEPTH: usize = 100;
/// Hits a caller usually asks for; what the latencies are measured with.
const USUAL_LIMIT: usize = 10;
/// Sessions looked at for session-level recall.
const SESSIONS: usize = 10;
/// The day of the run when no document has a time, so that every run is the same.
const DAY_WITHOUT_TIMES: i64 = 1_767_225_600;

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) hybrid: Tallies,
    pub(super) bm25: Tallies,
    pub(super) session_recall: f64,
    pub(super) session_questions: u32,
    pub(super) latencies: Vec<Duration>,
}

/// One ranking's tallies.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub(super) overall: Tally,
    pub(super) by_category: BTreeMap<String, Tally>,
    pub(super) by_group: BTreeMap<String, Tally>,
}

/// Measures `corpus`; stores live in `scratch` and may be thrown away after.
///
/// # Errors
/// When a store refuses a document or a search fails.
pub(crate) fn run(corpus: &Corpus, scratch: &Path) -> Result<Report> {
    let mut counted = Counted::default();
    for (number, group) in corpus.groups.iter().enumerate().filter(|(_, group)| !group.questions.is_empty()) {
        let path = scratch.join(format!("group-{number}.db"));
        run_group(group, &path, &mut counted).with_context(|| format!("in group {:?}", group.name))?;
    }
    Ok(Report::new(corpus, counted))
}

fn run_group(group: &Group, path: &Path, counted: &mut Counted) -> Result<()> {
    let builtin = Builtin::new();
    let options = StoreOptions {
        clock: ManualClock::at(day_after(&group.documents)),
        model: Some(builtin.identity().clone()),
    };
    let store = Store::open(path, options)?;
    let positions = fill(&store, &group.documents, &builtin)?;
    for question in &group.questions {
        let started = Instant::now();
        store.search(&builtin.query(&question.text, USUAL_LIMIT))?;
        counted.latencies.push(started.elapsed());

        let asked = builtin.query(&question.text, DEPTH);
        let hybrid = ranking(&store, &asked, &positions)?;
        let bm25 = ranking(&store, &SearchQuery { ranking: Ranking::Bm25, ..asked }, &positions)?;
        for (tallies, ranking) in [(&mut counted.hybrid, &hybrid), (&mut counted.bm25, &bm25)] {
            tallies.overall.add(ranking, &question.relevant);
            tallies.by_group.entry(group.name.clone()).or_default().add(ranking, &question.relevant);
            if let Some(category) = &question.category {
                tallies.by_category.entry(category.clone()).or_default().add(ranking, &question.relevant);
            }
        }
        if let Some(recall) = session_recall(&group.documents, &hybrid, &question.relevant) {
            counted.session_recall += recall;
            counted.session_questions += 1;
        }
    }
    Ok(())
}

/// Stores the documents in their order; the answer maps memories to positions.
fn fill(store: &Store, documents: &[Document], builtin: &Builtin) -> Result<BTreeMap<MemoryId, usize>> {
    let mut positions = BTreeMap::new();
    // A blank document cannot be stored, and nothing can be found in it.
    let numbered: Vec<_> =
        documents.iter().enumerate().filter(|(_, document)| !document.text.trim().is_empty()).collect();
    for rows in numbered.chunks(BATCH_ROWS_MAX) {
        let drafts = rows.iter().map(|(_, document)| Draft {
            memory: NewMemory {
                content: document.text.clone(),
                session_id: document.session.clone(),
                actor: document.actor.clone(),
                event_time: document.time,
                ..NewMemory::default()
            },
            embedded: Some(builtin.embed(&document.text)),
        });
        let stored = store.create(drafts.collect(), None, Bounds::NONE)?;
        positions.extend(stored.items.iter().zip(rows).map(|(item, (at, _))| (item.memory.id, *at)));
    }
    Ok(positions)
}

fn ranking(store: &Store, query: &SearchQuery, positions: &BTreeMap<MemoryId, usize>) -> Result<Vec<usize>> {
    let answer = store.search(query)?;
    Ok(answer.hits.iter().filter_map(|hit| positions.get(&hit.memory.id).copied()).collect())
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
