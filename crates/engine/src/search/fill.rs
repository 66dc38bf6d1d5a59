//! From ranked slots to memories: the filter is asked here, of the best candidates first.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::candidates::View;
use super::explain::explain;
use super::rank::Ranked;
use super::score::Scale;
use crate::error::EngineError;
use crate::facet::{self, Compared, Field, Lookup};
use crate::filter::Filter;
use crate::index::{Index, Slot};
use crate::memory::MemoryId;
use crate::query::{Explain, Hit, SearchQuery};
use crate::read;

/// A look-up that finds at most this many memories is done before ranking...
const FEW: usize = 5_000;
/// ...and one that finds more, up to these bounds: beyond them the best candidates pass soon enough.
const FOUND_MAX: usize = 50_000;
const SLOTS_PER_FOUND_MIN: usize = 10;

/// What a filter let through of the best candidates.
pub(super) struct Filled {
    pub(super) hits: Vec<Hit>,
    /// Whether others that would pass may be further down.
    pub(super) is_short: bool,
}

/// Whether anything restricts the search.
fn is_filtered(query: &SearchQuery) -> bool {
    query.filter.is_some() || query.workspace.is_some()
}

/// The slots that can pass the filter, when an index says quickly that they are few.
pub(super) fn looked_up(
    connection: &Connection,
    index: &Index,
    query: &SearchQuery,
) -> Result<Option<Vec<Slot>>, EngineError> {
    let Some(lookup) = lookup(query) else { return Ok(None) };
    let most = (index.slots() / SLOTS_PER_FOUND_MIN).clamp(FEW, FOUND_MAX);
    let mut found = connection.prepare_cached("SELECT rowid FROM facet WHERE facet MATCH ? LIMIT ?")?;
    let mut rows = found.query((lookup, most + 1))?;
    let (mut slots, mut count) = (Vec::new(), 0);
    // In the order of ids, which is that of slots.
    while let Some(row) = rows.next()? {
        slots.extend(index.slot(row.get(0)?));
        count += 1;
    }
    Ok((count <= most).then_some(slots))
}

/// A query of the index of facets that finds whatever can pass.
fn lookup(query: &SearchQuery) -> Option<String> {
    let of_filter = query.filter.as_ref().and_then(Filter::lookup);
    let of_workspace = query
        .workspace
        .as_ref()
        .map(|workspace| Lookup::Term(facet::term(Field::Column("workspace"), Compared::Text(workspace))));
    match (of_filter, of_workspace) {
        (Some(filter), Some(workspace)) => Lookup::All(vec![filter, workspace]).to_query(),
        (Some(lookup), None) | (None, Some(lookup)) => lookup.to_query(),
        (None, None) => None,
    }
}

/// Which slots the filter allows, however many.
pub(super) fn allowed(
    connection: &Connection,
    index: &Index,
    query: &SearchQuery,
) -> Result<Vec<Slot>, EngineError> {
    Ok(slots(index, &ids_matching(connection, index, query)?))
}

/// Reads the best `limit` memories that are alive and pass the filter.
pub(super) fn fill(
    connection: &Connection,
    query: &SearchQuery,
    view: View<'_>,
    ranked: &[Ranked],
    scale: Scale,
) -> Result<Filled, EngineError> {
    let View { index, plan, now_ms, .. } = view;
    let (condition, values) = condition(index, query);
    let sql = format!(
        "SELECT {} FROM memory WHERE memory.id = ? AND {} AND {condition}",
        read::COLUMNS,
        read::ALIVE
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let (mut hits, mut refused) = (Vec::with_capacity(query.limit), false);
    for candidate in ranked {
        let score = scale.score(candidate.raw);
        if hits.len() == query.limit || query.min_score.is_some_and(|least| score < least) {
            refused = false;
            break;
        }
        let bound = [Sql::Integer(index.id(candidate.slot)), Sql::Integer(now_ms)];
        let mut rows = statement.query(params_from_iter(bound.iter().chain(&values)))?;
        if let Some(row) = rows.next()? {
            let memory = read::memory_of(row, index.model_id())?;
            let explanation = match query.explain {
                Explain::Yes => Some(explain(plan, candidate, &memory)),
                Explain::No => None,
            };
            hits.push(Hit { memory, raw: candidate.raw, score, explanation });
        } else {
            refused = true;
        }
    }
    Ok(Filled { is_short: refused && is_filtered(query), hits })
}

fn condition(index: &Index, query: &SearchQuery) -> (String, Vec<Sql>) {
    let (mut sql, mut values) = match &query.filter {
        Some(filter) => filter.to_sql(index.model_id()),
        None => ("1".to_owned(), Vec::new()),
    };
    if let Some(workspace) = &query.workspace {
        sql.push_str(" AND memory.workspace_id = (SELECT id FROM workspace WHERE name = ?)");
        values.push(Sql::Text(workspace.clone()));
    }
    (sql, values)
}

fn ids_matching(
    connection: &Connection,
    index: &Index,
    query: &SearchQuery,
) -> Result<Vec<MemoryId>, EngineError> {
    let (condition, values) = condition(index, query);
    let (from, lookup) = match lookup(query) {
        Some(lookup) => (
            "facet CROSS JOIN memory ON memory.id = facet.rowid WHERE facet MATCH ? AND",
            Some(Sql::Text(lookup)),
        ),
        None => ("memory WHERE", None),
    };
    let mut statement = connection.prepare_cached(&format!("SELECT memory.id FROM {from} {condition}"))?;
    let values = params_from_iter(lookup.into_iter().chain(values));
    let ids = statement.query_map(values, |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(ids)
}

/// Slots of the memories, ascending, each once.
fn slots(index: &Index, ids: &[MemoryId]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = ids.iter().filter_map(|id| index.slot(*id)).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}
