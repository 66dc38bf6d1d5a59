//! One run: a store that grows from size to size, and the same searches asked at each in several ways.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use engine::{Filter, Ranking, SearchQuery, Store};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::report::{Report, Row};
use super::store::{USERS, fill, open};
use crate::bench::builtin::Builtin;
use crate::bench::load::resident_mib;
use crate::bench::texts::Texts;

/// Hits a caller usually asks for.
const LIMIT: usize = 10;
/// Searches that do not count: caches fill, the index loads.
const WARM_UP: usize = 50;

/// What to measure.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Memories in the store, ascending.
    pub(crate) sizes: Vec<u64>,
    /// Searches measured of each kind.
    pub(crate) searches: usize,
    pub(crate) seed: u64,
}

/// A way to search: its ranking, and what it is restricted to.
struct Way {
    name: &'static str,
    ranking: Ranking,
    filter_name: &'static str,
    filter: Option<Filter>,
}

/// Measures; the store lives in `scratch` and may be thrown away after.
///
/// # Errors
/// When the store refuses a memory or a search fails.
pub(crate) fn run(plan: &Plan, scratch: &Path, progress: &ProgressBar) -> Result<Report> {
    let (texts, builtin) = (Texts::new(plan.seed), Builtin::new());
    let store = open(scratch, &builtin)?;
    let ways = ways()?;
    let mut report = Report { seed: plan.seed, searches: plan.searches, rows: Vec::new() };
    let mut stored = 0;
    for size in &plan.sizes {
        progress.set_message(format!("storing {size} memories"));
        fill(&store, &texts, &builtin, stored, *size)?;
        stored = stored.max(*size);
        // As after a restart: the index is read from the file.
        store.release_memory();
        store.checkpoint()?;
        for way in &ways {
            progress.set_message(format!("{} of {size} memories, filter: {}", way.name, way.filter_name));
            let mut latencies = measure(plan, &store, &texts, &builtin, way, *size)?;
            let resident = resident_mib(std::process::id());
            report.rows.push(Row::new((*size, way.name, way.filter_name), &mut latencies, resident));
        }
    }
    Ok(report)
}

fn ways() -> Result<Vec<Way>> {
    let filter = |value: Value| {
        Filter::parse(&value).map(Some).map_err(|problems| anyhow!("the run's own filter: {problems:?}"))
    };
    let way = |name, ranking, filter_name, filter| Way { name, ranking, filter_name, filter };
    let part = 17 % USERS;
    Ok(vec![
        way("search", Ranking::Hybrid, "none", None),
        way("search", Ranking::Hybrid, "1 % by user", filter(json!({"user_id": format!("user-{part}")}))?),
        way("search", Ranking::Hybrid, "1 % by metadata", filter(json!({"metadata.part": part}))?),
        way("BM25", Ranking::Bm25, "none", None),
    ])
}

fn measure(
    plan: &Plan,
    store: &Store,
    texts: &Texts,
    builtin: &Builtin,
    way: &Way,
    size: u64,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(plan.searches);
    // The memories asked about lie all over the store, the same for every way.
    for turn in 0..WARM_UP + plan.searches {
        let about = (turn as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) % size.max(1);
        let text = texts.query(about);
        let started = Instant::now();
        let query =
            SearchQuery { filter: way.filter.clone(), ranking: way.ranking, ..builtin.query(&text, LIMIT) };
        store.search(&query)?;
        if turn >= WARM_UP {
            latencies.push(started.elapsed());
        }
    }
    Ok(latencies)
}
