//! What an import writes: rows as they were elsewhere, with all that indexes hold of them.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, named_params};

use super::index_rows::POSITION_MAX;
use super::version::cut;
use super::{Analysed, Session, ms, to_json};
use crate::bounds::Bounds;
use crate::error::{EngineError, Problem};
use crate::export::line::{Kept, Version, Workspace};
use crate::export::{kept_of, select_kept};
use crate::import::{ImportIds, Item, Progress, line_named};
use crate::memory::{Memory, MemoryId, RevisionChange};
use crate::snapshot;

/// Where imported memories begin in a session, by workspace and name: after what was there before.
pub(crate) type Places = HashMap<(i64, String), u32>;

impl Session<'_> {
    /// Keeps others from taking the ids of an import; returns what is added to each of them.
    pub(crate) fn make_room_for_ids(
        &mut self,
        handed_out: MemoryId,
        ids: ImportIds,
    ) -> Result<MemoryId, EngineError> {
        let raised_by = match ids {
            ImportIds::Keep => 0,
            ImportIds::Renumber => snapshot::ids_handed_out(self.connection)?,
        };
        let highest = raised_by.checked_add(handed_out).filter(|highest| *highest < MemoryId::MAX / 2);
        let highest = highest.ok_or_else(|| {
            EngineError::Invalid(vec![Problem::new("ids_handed_out", "leaves no ids for later memories")])
        })?;
        if highest > 0 {
            self.keep_ids_above(highest)?;
        }
        Ok(raised_by)
    }

    /// Writes one batch of an import.
    pub(crate) fn import(
        &mut self,
        items: Vec<Item>,
        mut progress: Progress,
        bounds: Bounds,
    ) -> Result<Progress, EngineError> {
        self.begin_within(bounds)?;
        for item in items {
            match item {
                Item::Workspace(workspace) => self.import_workspace(&workspace)?,
                Item::Memory(kept, analysed, line) => {
                    self.import_memory(*kept, &analysed, line, &mut progress)?;
                }
                Item::Earlier(version, line) => self.import_earlier(*version, line, &mut progress)?,
            }
        }
        self.end_within_whatever_was_written()?;
        Ok(progress)
    }

    fn import_workspace(&mut self, workspace: &Workspace) -> Result<(), EngineError> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO workspace (name, created_at) VALUES (?, ?)")?
            .execute((workspace.name.to_ascii_lowercase(), workspace.created_at.as_millisecond()))?;
        Ok(())
    }

    fn import_memory(
        &mut self,
        kept: Kept,
        analysed: &Analysed,
        line: u64,
        progress: &mut Progress,
    ) -> Result<(), EngineError> {
        let change = kept.current.change;
        let memory = raised(kept.current, progress.done.ids_raised_by);
        progress.open = None;
        if memory.expires_at.is_some_and(|at| at.as_millisecond() <= self.now_ms) {
            progress.done.expired += 1;
            return Ok(());
        }
        progress.open = Some((memory.id, memory.version));
        if let Some((there, made_by, position)) = self.memory_as_kept(memory.id)? {
            if (&there, made_by) != (&memory, change) {
                let message = "is another memory's here; delete that one, or import with new ids";
                return Err(refuse(line, "id", message));
            }
            // Where this import began in the session when it was cut off.
            if let Some(session) = there.session_id {
                let key = (self.workspace_id(&there.workspace)?, session);
                progress.places.entry(key).or_insert(position.saturating_sub(kept.position));
            }
            progress.done.already_there += 1;
            return Ok(());
        }
        self.check_custom_id_free(&memory)?;
        self.count_memory()?;
        let workspace_id = self.workspace_id(&memory.workspace)?;
        if !self.is_occupied(workspace_id)? {
            self.count_workspace(workspace_id)?;
        }
        self.insert_as_kept(&memory, change, workspace_id)?;
        let place = self.import_place(workspace_id, &memory, kept.position, analysed.tokens, progress)?;
        self.put_fact(&memory, analysed, place)?;
        self.put_terms(memory.id, analysed, String::new())?;
        progress.done.memories += 1;
        progress.done.storage_bytes_delta += (memory.content.len() + to_json(&memory.metadata)?.len()) as i64;
        Ok(())
    }

    fn import_earlier(
        &mut self,
        version: Version,
        line: u64,
        progress: &mut Progress,
    ) -> Result<(), EngineError> {
        let change = version.change;
        let memory = raised(version, progress.done.ids_raised_by);
        if progress.open.is_none_or(|(id, _)| id != memory.id) {
            return Ok(());
        }
        let body = to_json(&memory)?;
        let there: Option<String> = self
            .connection
            .prepare_cached("SELECT body FROM memory_version WHERE memory_id = ? AND version = ?")?
            .query_row((memory.id, memory.version), |row| row.get(0))
            .optional()?;
        match there.as_deref().map(crate::read::json::<Memory>).transpose()? {
            Some(mut there) => {
                there.embedding = memory.embedding;
                if there == memory {
                    return Ok(());
                }
                Err(refuse(line, "version", "is there already and says something else"))
            }
            None => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO memory_version (memory_id, version, body, change) VALUES (?, ?, ?, ?)",
                    )?
                    .execute((memory.id, memory.version, body, change.as_str()))?;
                progress.done.earlier_versions += 1;
                Ok(())
            }
        }
    }

    fn memory_as_kept(&self, id: MemoryId) -> Result<Option<(Memory, RevisionChange, u32)>, EngineError> {
        let mut statement = self.connection.prepare_cached(&select_kept("WHERE memory.id = ?"))?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(kept_of).transpose()
    }

    fn insert_as_kept(
        &self,
        memory: &Memory,
        change: RevisionChange,
        workspace_id: i64,
    ) -> Result<(), EngineError> {
        self.connection
            .prepare_cached(
                "INSERT INTO memory (id, workspace_id, content, kind, tags, metadata, importance, user_id, agent_id, \
                 session_id, actor, tier, expires_at, event_time, valid_from, valid_to, superseded_by, custom_id, \
                 version, change, created_at, updated_at) VALUES (:id, :workspace_id, :content, :kind, :tags, \
                 :metadata, :importance, :user_id, :agent_id, :session_id, :actor, :tier, :expires_at, :event_time, \
                 :valid_from, :valid_to, :superseded_by, :custom_id, :version, :change, :created_at, :updated_at)",
            )?
            .execute(named_params! {
                ":id": memory.id, ":workspace_id": workspace_id, ":content": memory.content, ":kind": memory.kind,
                ":tags": to_json(&memory.tags)?, ":metadata": to_json(&memory.metadata)?,
                ":importance": memory.importance, ":user_id": memory.user_id, ":agent_id": memory.agent_id,
                ":session_id": memory.session_id, ":actor": memory.actor, ":tier": memory.tier.as_str(),
                ":expires_at": ms(memory.expires_at), ":event_time": ms(memory.event_time),
                ":valid_from": ms(memory.valid_from), ":valid_to": ms(memory.valid_to),
                ":superseded_by": memory.superseded_by, ":custom_id": memory.custom_id,
                ":version": memory.version, ":change": change.as_str(),
                ":created_at": memory.created_at.as_millisecond(),
                ":updated_at": memory.updated_at.as_millisecond(),
            })?;
        Ok(())
    }

    /// The session's number and where the memory starts in it: where it did, after what this store had before.
    fn import_place(
        &self,
        workspace_id: i64,
        memory: &Memory,
        position: u32,
        tokens: u32,
        progress: &mut Progress,
    ) -> Result<(u32, u32), EngineError> {
        let Some(name) = &memory.session_id else { return Ok((0, 0)) };
        let key = (workspace_id, name.clone());
        let begin = match progress.places.get(&key) {
            Some(begin) => *begin,
            None => {
                let (_, end) = self.place_in_session(workspace_id, Some(name), 0)?;
                progress.places.insert(key, end);
                end
            }
        };
        let start = begin.saturating_add(position).min(POSITION_MAX);
        let number = self
            .connection
            .prepare_cached(
                "UPDATE session SET end_position = max(end_position, ?3) WHERE workspace_id = ?1 AND name = ?2 \
                 RETURNING id",
            )?
            .query_row(
                (workspace_id, name, start.saturating_add(tokens).min(POSITION_MAX)),
                |row| row.get(0),
            )?;
        Ok((number, start))
    }
}

/// The memory of a line, with its id and those it refers to raised.
fn raised(version: Version, by: MemoryId) -> Memory {
    let mut memory = version.into_memory();
    memory.id += by;
    memory.superseded_by = memory.superseded_by.map(|id| id.saturating_add(by));
    memory.workspace = memory.workspace.to_ascii_lowercase();
    // The file keeps milliseconds; what says more would never be found the same again.
    for time in [&mut memory.expires_at, &mut memory.event_time, &mut memory.valid_from, &mut memory.valid_to]
    {
        *time = cut(*time);
    }
    memory.created_at = cut(Some(memory.created_at)).unwrap_or_default();
    memory.updated_at = cut(Some(memory.updated_at)).unwrap_or_default();
    memory
}

fn refuse(line: u64, field: &str, message: &str) -> EngineError {
    EngineError::Invalid(vec![Problem::new(field, message).within(&line_named(line))])
}
