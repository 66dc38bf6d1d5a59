//! From ranked slots to memories: the filter is asked here, of the best candidates first.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::candidates::View;
use super::explain::explain;
use super::rank::Ranked;
use super::score::Scale;
use crate::error::EngineError;
use crate::index::{Index, Slot};
use crate::memory::MemoryId;
use crate::query::{Explain, Hit, SearchQuery};
use crate::read;

/// A filter that keeps at most this many memories is asked before ranking.
const FEW: usize = 5_000;

/// Whether anything restricts the search.
pub(super) fn is_filtered(query: &SearchQuery) -> bool {
    query.filter.is_some() || query.workspace.is_some()
}

/// Which slots the filter allows, when an index says quickly that they are few.
pub(super) fn allowed_if_few(
    connection: &Connection,
    index: &Index,
    query: &SearchQuery,
) -> Result<Option<Vec<Slot>>, EngineError> {
    let indexed =
        query.workspace.is_some() || query.filter.as_ref().is_some_and(crate::filter::Filter::is_indexed);
    if !indexed {
        return Ok(None);
    }
    let ids = ids_matching(connection, index, query, FEW + 1)?;
    Ok((ids.len() <= FEW).then(|| slots(index, &ids)))
}

/// Which slots the filter allows, however many.
pub(super) fn allowed(
    connection: &Connection,
    index: &Index,
    query: &SearchQuery,
) -> Result<Vec<Slot>, EngineError> {
    Ok(slots(index, &ids_matching(connection, index, query, usize::MAX)?))
}

/// Reads the best `limit` memories that are alive and pass the filter, which `view` may have been told already.
pub(super) fn fill(
    connection: &Connection,
    query: &SearchQuery,
    view: View<'_>,
    ranked: &[Ranked],
    scale: Scale,
) -> Result<Vec<Hit>, EngineError> {
    let View { index, plan, now_ms, .. } = view;
    let (condition, values) =
        if view.allowed.is_some() { ("1".to_owned(), Vec::new()) } else { condition(index, query) };
    let sql = format!(
        "SELECT {} FROM memory WHERE memory.id = ? AND {} AND {condition}",
        read::COLUMNS,
        read::ALIVE
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut hits = Vec::with_capacity(query.limit);
    for candidate in ranked {
        let score = scale.score(candidate.raw);
        if hits.len() == query.limit || query.min_score.is_some_and(|least| score < least) {
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
            hits.push(Hit { memory, score, explanation });
        }
    }
    Ok(hits)
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
    limit: usize,
) -> Result<Vec<MemoryId>, EngineError> {
    let (condition, mut values) = condition(index, query);
    values.push(Sql::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let mut statement =
        connection.prepare_cached(&format!("SELECT id FROM memory WHERE {condition} LIMIT ?"))?;
    let ids =
        statement.query_map(params_from_iter(values), |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(ids)
}

/// Slots of the memories, ascending, each once.
fn slots(index: &Index, ids: &[MemoryId]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = ids.iter().filter_map(|id| index.slot(*id)).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}
