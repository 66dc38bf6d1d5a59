//! Rows to memories, and the plain reads: one memory, a page, a history, workspaces, statistics.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::error::EngineError;
use crate::memory::{EmbeddingState, Memory, MemoryId, Revision, RevisionChange, Tier};
use crate::query::{
    ListQuery, Order, Page, SessionPage, SessionQuery, SessionSummary, Stats, WorkspaceSummary,
};
use crate::store::PendingEmbedding;
use crate::vector::ModelIdentity;

/// The columns [`memory_of`] reads, in its order.
pub(crate) const COLUMNS: &str = "memory.id, memory.content, memory.kind, memory.tags, memory.metadata, \
    memory.importance, (SELECT name FROM workspace WHERE id = memory.workspace_id), memory.user_id, \
    memory.agent_id, memory.session_id, memory.actor, memory.tier, memory.expires_at, memory.event_time, \
    memory.valid_from, memory.valid_to, memory.superseded_by, memory.custom_id, memory.version, \
    memory.created_at, memory.updated_at, memory.model_id";

/// The part of [`COLUMNS`] that reads another table.
pub(crate) const WORKSPACE_NAME: &str = "(SELECT name FROM workspace WHERE id = memory.workspace_id)";

/// Not expired; one `?`, the present in milliseconds.
pub(crate) const ALIVE: &str = "(memory.expires_at IS NULL OR memory.expires_at > ?)";

/// Reads a memory from a row of [`COLUMNS`]; `model` is the model in use.
pub(crate) fn memory_of(row: &Row<'_>, model: Option<i64>) -> Result<Memory, EngineError> {
    let time = |at: usize| -> Result<Option<Timestamp>, EngineError> {
        row.get::<_, Option<i64>>(at)?.map(timestamp).transpose()
    };
    let model_id: Option<i64> = row.get(21)?;
    Ok(Memory {
        id: row.get(0)?,
        content: row.get(1)?,
        kind: row.get(2)?,
        tags: json(row.get_ref(3)?.as_str().unwrap_or("[]"))?,
        metadata: json(row.get_ref(4)?.as_str().unwrap_or("{}"))?,
        importance: row.get(5)?,
        workspace: row.get(6)?,
        user_id: row.get(7)?,
        agent_id: row.get(8)?,
        session_id: row.get(9)?,
        actor: row.get(10)?,
        tier: Tier::parse(row.get_ref(11)?.as_str().unwrap_or_default()).unwrap_or_default(),
        expires_at: time(12)?,
        event_time: time(13)?,
        valid_from: time(14)?,
        valid_to: time(15)?,
        superseded_by: row.get(16)?,
        custom_id: row.get(17)?,
        version: row.get(18)?,
        created_at: timestamp(row.get(19)?)?,
        updated_at: timestamp(row.get(20)?)?,
        embedding: if model_id.is_some() && model_id == model {
            EmbeddingState::Ready
        } else {
            EmbeddingState::Pending
        },
    })
}

/// One memory that has not expired.
pub(crate) fn get(
    connection: &Connection,
    id: MemoryId,
    model: Option<i64>,
    now_ms: i64,
) -> Result<Memory, EngineError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM memory WHERE memory.id = ? AND {ALIVE}"))?;
    let mut rows = statement.query((id, now_ms))?;
    match rows.next()? {
        Some(row) => memory_of(row, model),
        None => Err(EngineError::MemoryNotFound(id)),
    }
}

/// A page of memories that have not expired.
pub(crate) fn list(
    connection: &Connection,
    query: &ListQuery,
    model: Option<i64>,
    now_ms: i64,
) -> Result<Page, EngineError> {
    let mut sql = format!("SELECT {COLUMNS} FROM memory WHERE {ALIVE}");
    let mut values = vec![Sql::Integer(now_ms)];
    if let Some(workspace) = &query.workspace {
        sql.push_str(" AND memory.workspace_id = (SELECT id FROM workspace WHERE name = ?)");
        values.push(Sql::Text(workspace.clone()));
    }
    if let Some(filter) = &query.filter {
        let (condition, more) = filter.to_sql(model);
        sql.push_str(" AND ");
        sql.push_str(&condition);
        values.extend(more);
    }
    let (sign, direction) = match query.order {
        Order::NewestFirst => ("<", "DESC"),
        Order::OldestFirst => (">", "ASC"),
    };
    if let Some(after) = query.after {
        sql.push_str(&format!(" AND memory.id {sign} ?"));
        values.push(Sql::Integer(after));
    }
    // One more than asked for tells whether there is a next page.
    sql.push_str(&format!(" ORDER BY memory.id {direction} LIMIT {}", query.limit + 1));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(memory_of(row, model)?);
    }
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    let next = if more { items.last().map(|memory| memory.id) } else { None };
    Ok(Page { items, next })
}

/// Every version of a memory, newest first.
pub(crate) fn history(
    connection: &Connection,
    id: MemoryId,
    model: Option<i64>,
    now_ms: i64,
) -> Result<Vec<Revision>, EngineError> {
    let memory = get(connection, id, model, now_ms)?;
    let change: String = connection
        .prepare_cached("SELECT change FROM memory WHERE id = ?")?
        .query_row([id], |row| row.get(0))?;
    let mut revisions = vec![Revision { memory, change: RevisionChange::parse(&change) }];
    let mut statement = connection.prepare_cached(
        "SELECT body, change FROM memory_version WHERE memory_id = ? ORDER BY version DESC",
    )?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let memory = json(row.get_ref(0)?.as_str().unwrap_or_default())?;
        let change = RevisionChange::parse(row.get_ref(1)?.as_str().unwrap_or_default());
        revisions.push(Revision { memory, change });
    }
    Ok(revisions)
}

/// One earlier version of a memory, if it is kept.
pub(crate) fn version(
    connection: &Connection,
    id: MemoryId,
    version: i64,
) -> Result<Option<Memory>, EngineError> {
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM memory_version WHERE memory_id = ? AND version = ?")?
        .query_row((id, version), |row| row.get(0))
        .optional()?;
    body.map(|body| json(&body)).transpose()
}

/// Memories with an id of at most `id`, expired ones included.
pub(crate) fn count_up_to(connection: &Connection, id: MemoryId) -> Result<u64, EngineError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM memory WHERE id <= ?")?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

/// Workspaces by name, with what is alive in each.
pub(crate) fn workspaces(connection: &Connection, now_ms: i64) -> Result<Vec<WorkspaceSummary>, EngineError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT workspace.name, workspace.created_at, \
         (SELECT count(*) FROM memory WHERE memory.workspace_id = workspace.id AND {ALIVE}) \
         FROM workspace ORDER BY workspace.name"
    ))?;
    let mut rows = statement.query([now_ms])?;
    let mut workspaces = Vec::new();
    while let Some(row) = rows.next()? {
        workspaces.push(WorkspaceSummary {
            name: row.get(0)?,
            created_at: timestamp(row.get(1)?)?,
            memories: row.get(2)?,
        });
    }
    Ok(workspaces)
}

/// A page of sessions. Counting and ordering take nothing but the index by session, in which the ids are: a newer
/// memory has a larger one.
pub(crate) fn sessions(connection: &Connection, query: &SessionQuery) -> Result<SessionPage, EngineError> {
    let mut statement = connection.prepare_cached(
        "SELECT found.session_id, found.memories, oldest.created_at, newest.created_at, found.newest,
             (SELECT name FROM workspace WHERE id = newest.workspace_id)
         FROM (
             SELECT session_id, count(*) AS memories, min(id) AS oldest, max(id) AS newest
             FROM memory WHERE session_id IS NOT NULL
             GROUP BY session_id HAVING ?1 IS NULL OR max(id) < ?1
             ORDER BY newest DESC LIMIT ?2
         ) found
         JOIN memory oldest ON oldest.id = found.oldest
         JOIN memory newest ON newest.id = found.newest
         ORDER BY found.newest DESC",
    )?;
    // One more than asked for tells whether there is a next page.
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = statement.query((query.before, limit))?;
    let (mut items, mut newest) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        newest.push(row.get(4)?);
        items.push(SessionSummary {
            session_id: row.get(0)?,
            memories: row.get(1)?,
            first_at: timestamp(row.get(2)?)?,
            last_at: timestamp(row.get(3)?)?,
            workspace: row.get(5)?,
        });
    }
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    newest.truncate(query.limit);
    Ok(SessionPage { items, next: newest.pop().filter(|_| more) })
}

/// What the store holds.
pub(crate) fn stats(connection: &Connection, model: Option<i64>, now_ms: i64) -> Result<Stats, EngineError> {
    let count = |sql: &str| -> Result<u64, EngineError> {
        Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    };
    let mut kinds = connection.prepare_cached(&format!(
        "SELECT kind, count(*) FROM memory WHERE {ALIVE} GROUP BY kind ORDER BY count(*) DESC, kind"
    ))?;
    let by_kind: Vec<(String, u64)> =
        kinds.query_map([now_ms], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let pending: u64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM memory WHERE model_id IS NOT ? AND {ALIVE}"))?
        .query_row((model, now_ms), |row| row.get(0))?;
    let (oldest, newest): (Option<i64>, Option<i64>) = connection
        .prepare_cached(
            "SELECT (SELECT created_at FROM memory ORDER BY id LIMIT 1), \
             (SELECT created_at FROM memory ORDER BY id DESC LIMIT 1)",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let pages: u64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let page_bytes: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(Stats {
        memories: by_kind.iter().map(|(_, memories)| memories).sum(),
        pending_embeddings: pending,
        workspaces: count("SELECT count(*) FROM workspace")?,
        by_kind,
        storage_bytes: pages * page_bytes,
        oldest: oldest.map(timestamp).transpose()?,
        newest: newest.map(timestamp).transpose()?,
        schema_version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
        sqlite_version: crate::schema::sqlite_version(),
    })
}

/// Memories without a vector of the model in use, oldest first.
pub(crate) fn pending_embeddings(
    connection: &Connection,
    model: Option<i64>,
    limit: usize,
    now_ms: i64,
) -> Result<Vec<PendingEmbedding>, EngineError> {
    // Three searches of the index instead of one scan of the table for `IS NOT`.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, version, content FROM memory WHERE model_id IS NULL AND {ALIVE} \
         UNION ALL SELECT id, version, content FROM memory WHERE model_id < ?2 AND (expires_at IS NULL OR expires_at > ?1) \
         UNION ALL SELECT id, version, content FROM memory WHERE model_id > ?2 AND (expires_at IS NULL OR expires_at > ?1) \
         LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((now_ms, model.unwrap_or(-1), limit), |row| {
        Ok(PendingEmbedding { id: row.get(0)?, version: row.get(1)?, content: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many memories of the store in `path` have no vector of `model`, those whose time is up included. Opens the file for
/// this one question and changes nothing; not for a file that somebody has open or may replace meanwhile.
///
/// # Errors
/// `Disk`, and what opening the file would say.
pub fn pending_embeddings_in(path: &Path, model: &ModelIdentity) -> Result<u64, EngineError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // Making sidecars and removing them again costs ten times as much as the question.
    let is_whole = std::fs::metadata(Path::new(&log)).map_or(true, |found| found.len() == 0);
    let connection = match is_whole {
        true => crate::snapshot::open_unserved(path)?,
        // What a process that was killed left in its log is read with it.
        false => crate::connection::open_reader(path)?,
    };
    crate::schema::recognise(&connection)?;
    let key = (&*model.name, &*model.revision, model.dimensions as i64);
    let id: Option<i64> = connection
        .query_row("SELECT id FROM model WHERE name = ? AND revision = ? AND dimensions = ?", key, |row| {
            row.get(0)
        })
        .optional()?;
    // Parts of the index alone; nothing is read of a store that is up to date.
    Ok(connection.query_row(
        "SELECT (SELECT count(*) FROM memory WHERE model_id IS NULL) \
         + (SELECT count(*) FROM memory WHERE model_id < ?1) + (SELECT count(*) FROM memory WHERE model_id > ?1)",
        [id.unwrap_or(-1)],
        |row| row.get(0),
    )?)
}

pub(crate) fn timestamp(ms: i64) -> Result<Timestamp, EngineError> {
    Timestamp::from_millisecond(ms)
        .map_err(|error| EngineError::Internal(format!("a time out of range: {error}")))
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, EngineError> {
    serde_json::from_str(text).map_err(|error| EngineError::Internal(format!("stored JSON: {error}")))
}
