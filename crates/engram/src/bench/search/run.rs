//! One run: a store of each size, and the same searches asked of each in several ways.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use engine::{Filter, Ranking, SearchQuery, StageTimes, Store};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::report::{Report, Row, StoreRow};
use super::store::{USERS, open_filled};
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

/// Measures; the stores live in `folder`, and those that are there already are used again.
///
/// # Errors
/// When the store refuses a memory or a search fails.
pub(crate) fn run(plan: &Plan, folder: &Path, progress: &ProgressBar) -> Result<Report> {
    let (texts, builtin) = (Texts::new(plan.seed), Builtin::new());
    let ways = ways()?;
    let mut report =
        Report { seed: plan.seed, searches: plan.searches, rows: Vec::new(), stores: Vec::new() };
    let resident = || resident_mib(std::process::id());
    for size in &plan.sizes {
        progress.set_message(format!("storing {size} memories"));
        let store = open_filled(folder, &texts, &builtin, *size)?;
        let before = resident();
        let started = Instant::now();
        store.search(&builtin.query(&texts.query(0), LIMIT))?;
        let first_search = started.elapsed();
        let mut used = before;
        for way in &ways {
            progress.set_message(format!("{} of {size} memories, filter: {}", way.name, way.filter_name));
            let taken = measure(plan, &store, &texts, &builtin, way, *size)?;
            report.rows.push(Row::new((*size, way.name, way.filter_name), &taken, resident()));
            // The baseline looks at everything and is no search of the service's.
            if way.ranking == Ranking::Hybrid {
                used = resident();
            }
        }
        let grown = |now: Option<f64>| Some(now? - before?);
        let grown_mib = grown(used);
        store.release_memory();
        report.stores.push(StoreRow {
            memories: *size,
            bytes_per_memory: std::fs::metadata(store.path())?.len() as f64 / *size as f64,
            first_search_ms: first_search.as_secs_f64() * 1e3,
            grown_mib,
            left_mib: grown(resident()),
        });
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
) -> Result<Vec<(Duration, StageTimes)>> {
    let mut taken = Vec::with_capacity(plan.searches);
    // The memories asked about lie all over the store, the same for every way.
    for turn in 0..WARM_UP + plan.searches {
        let about = (turn as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) % size.max(1);
        let text = texts.query(about);
        let started = Instant::now();
        let query =
            SearchQuery { filter: way.filter.clone(), ranking: way.ranking, ..builtin.query(&text, LIMIT) };
        let answer = store.search(&query)?;
        if turn >= WARM_UP {
            taken.push((started.elapsed(), answer.stages));
        }
    }
    Ok(taken)
}
