//! What writes do inside their transaction: the row, its postings, its facts, its vector and its words
//! change together or not at all.

mod analysed;
mod idempotency;
mod import;
mod index_rows;
mod postings;
mod remove;
mod tally;
mod version;

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::bounds::Bounds;
use crate::error::{EngineError, Problem};
use crate::index::IndexChange;
use crate::memory::{Draft, EmbeddingState, Memory, MemoryId, MemoryPatch, RevisionChange};
use crate::read;
use crate::store::{Changed, Idempotency, Outcome, Stored, StoredMemory};
use crate::typo::KnownWords;
use crate::vector::{Embedded, ModelIdentity};
use postings::{Postings, PostingsMark};
use tally::{Allowance, Occupied};
use version::{fresh, patched};

pub(crate) use analysed::{Analysed, analyse};
pub(crate) use import::Places;
pub(crate) use index_rows::model_id;
pub(crate) use tally::{Counts, tally};

/// Expired memories one purge removes, so that it never holds the writer for long.
const PURGED_PER_CALL_MAX: i64 = 500;

/// One group's transaction: its connection, its moment, and what it changes in the index.
pub(crate) struct Session<'c> {
    connection: &'c Connection,
    now_ms: i64,
    pub(crate) changes: Vec<IndexChange>,
    postings: Postings,
    workspaces: HashMap<String, i64>,
    actors: HashMap<String, u32>,
    pub(crate) words: KnownWords,
    model: Option<(ModelIdentity, i64)>,
    /// How much there is, as of now.
    pub(crate) counts: Counts,
    occupied: Occupied,
    allowance: Allowance,
}

/// A moment of a [`Session`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    changes: usize,
    counts: Counts,
    postings: PostingsMark,
}

impl<'c> Session<'c> {
    pub(crate) fn new(connection: &'c Connection, now_ms: i64, words: KnownWords, counts: Counts) -> Self {
        Self {
            connection,
            now_ms,
            changes: Vec::new(),
            postings: Postings::default(),
            workspaces: HashMap::new(),
            actors: HashMap::new(),
            words,
            model: None,
            counts,
            occupied: Occupied::new(),
            allowance: Allowance::default(),
        }
    }

    /// Where the session stands, for an operation that may be rolled back.
    pub(crate) fn mark(&self) -> Mark {
        Mark { changes: self.changes.len(), counts: self.counts, postings: self.postings.mark() }
    }

    /// Forgets what a rolled-back operation did since `mark`, and what it may have made.
    pub(crate) fn return_to(&mut self, mark: Mark) {
        self.changes.truncate(mark.changes);
        self.counts = mark.counts;
        self.postings.return_to(mark.postings);
        self.workspaces.clear();
        self.actors.clear();
        self.words.clear();
        self.model = None;
        self.occupied.clear();
    }

    pub(crate) fn create(
        &mut self,
        drafts: Vec<(Draft, Analysed)>,
        idempotency: Option<Idempotency>,
        model: Option<i64>,
        bounds: Bounds,
    ) -> Result<Stored, EngineError> {
        if let Some(asked) = &idempotency
            && let Some(earlier) = self.replay(asked, model)?
        {
            return Ok(earlier);
        }
        self.begin_within(bounds)?;
        let mut stored =
            Stored { items: Vec::with_capacity(drafts.len()), created: 0, storage_bytes_delta: 0 };
        for (at, (draft, analysed)) in drafts.into_iter().enumerate() {
            let (item, delta) = self.create_one(draft, &analysed, model).map_err(|error| match error {
                EngineError::Invalid(problems) => {
                    let place = format!("[{at}]");
                    EngineError::Invalid(problems.into_iter().map(|p| p.within(&place)).collect())
                }
                other => other,
            })?;
            stored.created += u64::from(item.outcome == Outcome::Created);
            stored.items.push(item);
            stored.storage_bytes_delta += delta;
        }
        if let Some(asked) = idempotency {
            self.remember(&asked, &stored)?;
        }
        self.end_within()?;
        Ok(stored)
    }

    /// Ids above `taken` from now on.
    pub(crate) fn keep_ids_above(&mut self, taken: MemoryId) -> Result<(), EngineError> {
        let raised = self
            .connection
            .execute("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'memory'", [taken])?;
        if raised == 0 {
            self.connection
                .execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('memory', ?1)", [taken])?;
        }
        Ok(())
    }

    pub(crate) fn update(
        &mut self,
        id: MemoryId,
        patch: &MemoryPatch,
        expected_version: Option<i64>,
        embedded: Option<Embedded>,
        model: Option<i64>,
        bounds: Bounds,
    ) -> Result<Changed, EngineError> {
        let old = self.current(id, expected_version, model)?;
        let new = patched(&old, patch, self.now()?)?;
        self.begin_within(bounds)?;
        let changed = self.replace(&old, new, RevisionChange::Updated, embedded, model)?;
        self.end_within()?;
        Ok(changed)
    }

    pub(crate) fn revert(
        &mut self,
        id: MemoryId,
        version: i64,
        expected_version: Option<i64>,
        embedded: Option<Embedded>,
        model: Option<i64>,
        bounds: Bounds,
    ) -> Result<Changed, EngineError> {
        let old = self.current(id, expected_version, model)?;
        if version == old.version {
            return Ok(Changed { memory: old, storage_bytes_delta: 0 });
        }
        let earlier = read::version(self.connection, id, version)?
            .ok_or(EngineError::VersionNotFound { id, version })?;
        if earlier.expires_at.is_some_and(|at| at.as_millisecond() <= self.now_ms) {
            let message = format!("is a version that expired at {}", earlier.expires_at.unwrap_or_default());
            return Err(EngineError::Invalid(vec![Problem::new("version", message)]));
        }
        self.begin_within(bounds)?;
        let changed = self.replace(&old, earlier, RevisionChange::Reverted, embedded, model)?;
        self.end_within()?;
        Ok(changed)
    }

    /// Stores vectors of memories whose version is still the one that was embedded.
    pub(crate) fn store_embeddings(
        &mut self,
        vectors: Vec<(MemoryId, i64, Embedded)>,
    ) -> Result<usize, EngineError> {
        let mut stored = 0;
        for (id, version, embedded) in vectors {
            let current: bool = self
                .connection
                .prepare_cached("SELECT 1 FROM memory WHERE id = ? AND version = ?")?
                .exists((id, version))?;
            if current {
                self.remove_vector(id)?;
                let model_id = self.put_vector(id, &embedded)?;
                self.connection
                    .prepare_cached("UPDATE memory SET model_id = ? WHERE id = ?")?
                    .execute((model_id, id))?;
                stored += 1;
            }
        }
        Ok(stored)
    }

    /// The row of a model, made when it is new.
    pub(crate) fn model_id(&mut self, model: &ModelIdentity) -> Result<i64, EngineError> {
        if let Some((known, id)) = &self.model
            && known == model
        {
            return Ok(*id);
        }
        let id = model_id(self.connection, model)?;
        self.model = Some((model.clone(), id));
        Ok(id)
    }

    fn now(&self) -> Result<Timestamp, EngineError> {
        read::timestamp(self.now_ms)
    }

    fn current(
        &self,
        id: MemoryId,
        expected: Option<i64>,
        model: Option<i64>,
    ) -> Result<Memory, EngineError> {
        let memory = read::get(self.connection, id, model, self.now_ms)?;
        match expected {
            Some(expected) if expected != memory.version => {
                Err(EngineError::VersionConflict { id, expected, current: memory.version })
            }
            Some(_) | None => Ok(memory),
        }
    }

    fn create_one(
        &mut self,
        draft: Draft,
        analysed: &Analysed,
        model: Option<i64>,
    ) -> Result<(StoredMemory, i64), EngineError> {
        let new = fresh(draft.memory, self.now()?);
        if let Some(holder) = self.holder_of_custom_id(&new)? {
            match read::get(self.connection, holder, model, self.now_ms) {
                Ok(old) => {
                    let changed = self.replace(&old, new, RevisionChange::Updated, draft.embedded, model)?;
                    let item = StoredMemory { memory: changed.memory, outcome: Outcome::Updated };
                    return Ok((item, changed.storage_bytes_delta));
                }
                // Expired but not purged yet: its key is free.
                Err(EngineError::MemoryNotFound(_)) => drop(self.remove_all(&[holder])?),
                Err(error) => return Err(error),
            }
        }
        self.insert(new, draft.embedded, analysed, model)
    }

    fn insert(
        &mut self,
        mut memory: Memory,
        embedded: Option<Embedded>,
        analysed: &Analysed,
        model: Option<i64>,
    ) -> Result<(StoredMemory, i64), EngineError> {
        self.check_successor(&memory)?;
        self.count_memory()?;
        let workspace_id = self.workspace_id(&memory.workspace)?;
        if !self.is_occupied(workspace_id)? {
            self.count_workspace(workspace_id)?;
        }
        let metadata = to_json(&memory.metadata)?;
        let model_id = embedded.as_ref().map(|embedded| self.model_id(&embedded.model)).transpose()?;
        memory.embedding = state_of(model_id, model);
        self.connection
            .prepare_cached(
                "INSERT INTO memory (workspace_id, content, kind, tags, metadata, importance, user_id, agent_id, \
                 session_id, actor, tier, expires_at, event_time, valid_from, valid_to, superseded_by, custom_id, \
                 version, change, created_at, updated_at, model_id) VALUES (:workspace_id, :content, :kind, :tags, :metadata, \
                 :importance, :user_id, :agent_id, :session_id, :actor, :tier, :expires_at, :event_time, \
                 :valid_from, :valid_to, :superseded_by, :custom_id, 1, 'created', :now, :now, :model_id)",
            )?
            .execute(named_params! {
                ":workspace_id": workspace_id, ":content": memory.content, ":kind": memory.kind,
                ":tags": to_json(&memory.tags)?, ":metadata": metadata, ":importance": memory.importance,
                ":user_id": memory.user_id, ":agent_id": memory.agent_id, ":session_id": memory.session_id,
                ":actor": memory.actor, ":tier": memory.tier.as_str(), ":expires_at": ms(memory.expires_at),
                ":event_time": ms(memory.event_time), ":valid_from": ms(memory.valid_from),
                ":valid_to": ms(memory.valid_to), ":superseded_by": memory.superseded_by,
                ":custom_id": memory.custom_id, ":now": self.now_ms, ":model_id": model_id,
            })?;
        memory.id = self.connection.last_insert_rowid();
        let place = self.place_in_session(workspace_id, memory.session_id.as_deref(), analysed.tokens)?;
        self.put_fact(&memory, analysed, place)?;
        self.put_terms(memory.id, analysed, String::new())?;
        if let Some(embedded) = embedded {
            self.put_vector(memory.id, &embedded)?;
        }
        let delta = (memory.content.len() + metadata.len()) as i64;
        Ok((StoredMemory { memory, outcome: Outcome::Created }, delta))
    }

    /// Makes `new` the newest version of `old`; the old one goes into the history. Nothing happens when
    /// they say the same.
    fn replace(
        &mut self,
        old: &Memory,
        mut new: Memory,
        change: RevisionChange,
        embedded: Option<Embedded>,
        model: Option<i64>,
    ) -> Result<Changed, EngineError> {
        new.id = old.id;
        new.version = old.version;
        new.created_at = old.created_at;
        new.updated_at = old.updated_at;
        new.embedding = old.embedding;
        if new == *old {
            return Ok(Changed { memory: new, storage_bytes_delta: 0 });
        }
        if new.custom_id != old.custom_id || new.workspace != old.workspace {
            self.check_custom_id_free(&new)?;
        }
        self.check_successor(&new)?;
        new.version = old.version + 1;
        new.updated_at = self.now()?;
        self.connection
            .prepare_cached(
                "INSERT INTO memory_version (memory_id, version, body, change) \
                 SELECT id, version, ?, change FROM memory WHERE id = ?",
            )?
            .execute((to_json(old)?, old.id))?;
        let workspace_id = self.workspace_id(&new.workspace)?;
        let is_first_there = !self.is_occupied(workspace_id)?;
        let metadata = to_json(&new.metadata)?;
        self.connection
            .prepare_cached(
                "UPDATE memory SET workspace_id = :workspace_id, content = :content, kind = :kind, tags = :tags, \
                 metadata = :metadata, importance = :importance, user_id = :user_id, agent_id = :agent_id, \
                 session_id = :session_id, actor = :actor, tier = :tier, expires_at = :expires_at, \
                 event_time = :event_time, valid_from = :valid_from, valid_to = :valid_to, \
                 superseded_by = :superseded_by, custom_id = :custom_id, version = :version, change = :change, \
                 updated_at = :now WHERE id = :id",
            )?
            .execute(named_params! {
                ":workspace_id": workspace_id, ":content": new.content, ":kind": new.kind,
                ":tags": to_json(&new.tags)?, ":metadata": metadata, ":importance": new.importance,
                ":user_id": new.user_id, ":agent_id": new.agent_id, ":session_id": new.session_id,
                ":actor": new.actor, ":tier": new.tier.as_str(), ":expires_at": ms(new.expires_at),
                ":event_time": ms(new.event_time), ":valid_from": ms(new.valid_from),
                ":valid_to": ms(new.valid_to), ":superseded_by": new.superseded_by, ":custom_id": new.custom_id,
                ":version": new.version, ":change": change.as_str(), ":now": self.now_ms, ":id": new.id,
            })?;
        if new.workspace != old.workspace {
            let left = self.workspace_id(&old.workspace)?;
            self.count_left([left])?;
        }
        if is_first_there {
            self.count_workspace(workspace_id)?;
        }
        self.reindex(old, &mut new, workspace_id, embedded, model)?;
        let old_bytes = old.content.len() + to_json(&old.metadata)?.len();
        let delta = (new.content.len() + metadata.len()) as i64 - old_bytes as i64;
        Ok(Changed { memory: new, storage_bytes_delta: delta })
    }

    /// Brings postings, facts, vector and words of a changed memory up to date.
    fn reindex(
        &mut self,
        old: &Memory,
        new: &mut Memory,
        workspace_id: i64,
        embedded: Option<Embedded>,
        model: Option<i64>,
    ) -> Result<(), EngineError> {
        let analysed = analyse(&new.content, new.actor.as_deref());
        if new.content != old.content || new.actor != old.actor {
            self.remove_terms(new.id)?;
            let before = analyse(&old.content, old.actor.as_deref());
            self.put_terms(new.id, &analysed, before.terms)?;
            self.forget_words(&(&before.words - &analysed.words))?;
        }
        if new.content != old.content {
            let model_id = match embedded {
                Some(embedded) => {
                    self.remove_vector(new.id)?;
                    Some(self.put_vector(new.id, &embedded)?)
                }
                None => {
                    self.drop_vector(new.id, model)?;
                    None
                }
            };
            self.connection
                .prepare_cached("UPDATE memory SET model_id = ? WHERE id = ?")?
                .execute((model_id, new.id))?;
            new.embedding = state_of(model_id, model);
        }
        let same_session = new.session_id == old.session_id && new.workspace == old.workspace;
        let place = if same_session {
            self.connection
                .prepare_cached("SELECT session, position FROM fact WHERE memory_id = ?")?
                .query_row([new.id], |row| Ok((row.get(0)?, row.get(1)?)))?
        } else {
            self.place_in_session(workspace_id, new.session_id.as_deref(), analysed.tokens)?
        };
        self.remove_fact(new.id)?;
        self.put_fact(new, &analysed, place)
    }

    fn holder_of_custom_id(&self, memory: &Memory) -> Result<Option<MemoryId>, EngineError> {
        let Some(custom_id) = &memory.custom_id else { return Ok(None) };
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id FROM memory WHERE custom_id = ? \
                 AND workspace_id = (SELECT id FROM workspace WHERE name = ?)",
            )?
            .query_row((custom_id, &memory.workspace), |row| row.get(0))
            .optional()?)
    }

    fn check_custom_id_free(&mut self, memory: &Memory) -> Result<(), EngineError> {
        let Some(holder) = self.holder_of_custom_id(memory)?.filter(|holder| *holder != memory.id) else {
            return Ok(());
        };
        if matches!(
            read::get(self.connection, holder, None, self.now_ms),
            Err(EngineError::MemoryNotFound(_))
        ) {
            self.remove_all(&[holder])?;
            return Ok(());
        }
        let custom_id = memory.custom_id.clone().unwrap_or_default();
        Err(EngineError::CustomIdTaken { custom_id, holder })
    }

    fn check_successor(&self, memory: &Memory) -> Result<(), EngineError> {
        let Some(successor) = memory.superseded_by else { return Ok(()) };
        let problem = if successor == memory.id && memory.id != 0 {
            "must not be the memory itself"
        } else {
            let known =
                self.connection.prepare_cached("SELECT 1 FROM memory WHERE id = ?")?.exists([successor])?;
            if known {
                return Ok(());
            }
            "names no memory"
        };
        Err(EngineError::Invalid(vec![Problem::new("superseded_by", problem)]))
    }
}

fn state_of(model_id: Option<i64>, in_use: Option<i64>) -> EmbeddingState {
    if model_id.is_some() && model_id == in_use { EmbeddingState::Ready } else { EmbeddingState::Pending }
}

fn ms(time: Option<Timestamp>) -> Option<i64> {
    time.map(|at| at.as_millisecond())
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(|error| EngineError::Internal(error.to_string()))
}
