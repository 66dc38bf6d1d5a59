//! What writes do inside their transaction: the row, its postings, its facts, its vector and its words
//! change together or not at all.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, named_params, params_from_iter};

use crate::analysis;
use crate::error::{EngineError, Problem};
use crate::filter::Filter;
use crate::index::{Fact, IndexChange};
use crate::memory::{
    Change, DAILY_LIFETIME_MS, Draft, EmbeddingState, Memory, MemoryId, MemoryPatch, NewMemory,
    RevisionChange, Tier, normal_workspace,
};
use crate::read;
use crate::store::{Changed, DeleteMode, Deleted, Idempotency, Outcome, Stored, StoredMemory};
use crate::typo::{self, KnownWords};
use crate::vector::{Embedded, ModelIdentity, Quantized};

/// How long an idempotency key is remembered, in milliseconds.
const IDEMPOTENCY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;
/// Ids a deletion names in its answer; the count is always exact.
const DELETED_IDS_NAMED_MAX: usize = 1_000;
/// Expired memories one purge removes, so that it never holds the writer for long.
const PURGED_PER_CALL_MAX: i64 = 500;
const WORKSPACE_DEFAULT: &str = "default";
const KIND_DEFAULT: &str = "note";
const IMPORTANCE_DEFAULT: f64 = 0.5;

/// One group's transaction: its connection, its moment, and what it changes in the index.
pub(crate) struct Session<'c> {
    connection: &'c Connection,
    now_ms: i64,
    pub(crate) changes: Vec<IndexChange>,
    workspaces: HashMap<String, i64>,
    actors: HashMap<String, u32>,
    pub(crate) words: KnownWords,
    model: Option<(ModelIdentity, i64)>,
}

/// A memory's text, and its actor's name, as the indexes want them: who speaks is rarely in the words.
struct Analysed {
    /// Distinct terms, separated by blanks.
    terms: String,
    /// Distinct surface forms.
    words: BTreeSet<String>,
    tokens: u32,
}

fn analyse(content: &str, actor: Option<&str>) -> Analysed {
    let own = analysis::tokens(content);
    let tokens = u32::try_from(own.len()).unwrap_or(u32::MAX);
    let named = analysis::tokens(actor.unwrap_or_default());
    let (mut terms, mut words): (Vec<_>, Vec<_>) =
        own.into_iter().chain(named).map(|token| (token.term, token.word)).unzip();
    terms.sort_unstable();
    terms.dedup();
    words.sort_unstable();
    Analysed { terms: terms.join(" "), words: words.into_iter().collect(), tokens }
}

impl<'c> Session<'c> {
    pub(crate) fn new(connection: &'c Connection, now_ms: i64, words: KnownWords) -> Self {
        Self {
            connection,
            now_ms,
            changes: Vec::new(),
            workspaces: HashMap::new(),
            actors: HashMap::new(),
            words,
            model: None,
        }
    }

    /// Forgets what a rolled-back operation may have made.
    pub(crate) fn forget_cached(&mut self) {
        self.workspaces.clear();
        self.actors.clear();
        self.words.clear();
        self.model = None;
    }

    pub(crate) fn create(
        &mut self,
        drafts: Vec<Draft>,
        idempotency: Option<Idempotency>,
        model: Option<i64>,
    ) -> Result<Stored, EngineError> {
        if let Some(asked) = &idempotency
            && let Some(earlier) = self.replay(asked, model)?
        {
            return Ok(earlier);
        }
        let mut stored =
            Stored { items: Vec::with_capacity(drafts.len()), created: 0, storage_bytes_delta: 0 };
        for (at, draft) in drafts.into_iter().enumerate() {
            let (item, delta) = self.create_one(draft, model).map_err(|error| match error {
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
        Ok(stored)
    }

    pub(crate) fn update(
        &mut self,
        id: MemoryId,
        patch: &MemoryPatch,
        expected_version: Option<i64>,
        embedded: Option<Embedded>,
        model: Option<i64>,
    ) -> Result<Changed, EngineError> {
        let old = self.current(id, expected_version, model)?;
        let new = patched(&old, patch, self.now()?)?;
        self.replace(&old, new, RevisionChange::Updated, embedded, model)
    }

    pub(crate) fn revert(
        &mut self,
        id: MemoryId,
        version: i64,
        expected_version: Option<i64>,
        embedded: Option<Embedded>,
        model: Option<i64>,
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
        self.replace(&old, earlier, RevisionChange::Reverted, embedded, model)
    }

    pub(crate) fn delete(&mut self, id: MemoryId) -> Result<Deleted, EngineError> {
        read::get(self.connection, id, None, self.now_ms)?;
        let freed = self.remove_all(&[id])?;
        Ok(Deleted { ids: vec![id], count: 1, storage_bytes_delta: -freed })
    }

    pub(crate) fn delete_matching(
        &mut self,
        filter: &Filter,
        workspace: Option<&str>,
        mode: DeleteMode,
        model: Option<i64>,
    ) -> Result<Deleted, EngineError> {
        let mut sql = format!("SELECT memory.id FROM memory WHERE {}", read::ALIVE);
        let mut values = vec![Sql::Integer(self.now_ms)];
        if let Some(workspace) = workspace {
            sql.push_str(" AND memory.workspace_id = (SELECT id FROM workspace WHERE name = ?)");
            values.push(Sql::Text(workspace.to_owned()));
        }
        let (condition, more) = filter.to_sql(model);
        sql.push_str(&format!(" AND {condition} ORDER BY memory.id"));
        values.extend(more);
        let ids: Vec<MemoryId> = self
            .connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(values), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let freed = if mode == DeleteMode::Delete { self.remove_all(&ids)? } else { 0 };
        Ok(Deleted {
            count: ids.len() as u64,
            ids: ids.into_iter().take(DELETED_IDS_NAMED_MAX).collect(),
            storage_bytes_delta: -freed,
        })
    }

    /// Removes what has expired, and idempotency keys past their time.
    pub(crate) fn purge_expired(&mut self) -> Result<u64, EngineError> {
        let ids: Vec<MemoryId> = self
            .connection
            .prepare_cached("SELECT id FROM memory WHERE expires_at <= ? ORDER BY expires_at LIMIT ?")?
            .query_map((self.now_ms, PURGED_PER_CALL_MAX), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        self.remove_all(&ids)?;
        self.connection
            .prepare_cached("DELETE FROM idempotency WHERE created_at < ?")?
            .execute([self.now_ms - IDEMPOTENCY_LIFETIME_MS])?;
        Ok(ids.len() as u64)
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

    fn create_one(&mut self, draft: Draft, model: Option<i64>) -> Result<(StoredMemory, i64), EngineError> {
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
        self.insert(new, draft.embedded, model)
    }

    fn insert(
        &mut self,
        mut memory: Memory,
        embedded: Option<Embedded>,
        model: Option<i64>,
    ) -> Result<(StoredMemory, i64), EngineError> {
        self.check_successor(&memory)?;
        let workspace_id = self.workspace_id(&memory.workspace)?;
        let metadata = to_json(&memory.metadata)?;
        let analysed = analyse(&memory.content, memory.actor.as_deref());
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
        self.put_terms(memory.id, &analysed)?;
        let place = self.place_in_session(workspace_id, memory.session_id.as_deref(), analysed.tokens)?;
        self.put_fact(&memory, analysed.tokens, place)?;
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
            self.connection.prepare_cached("DELETE FROM keyword WHERE rowid = ?")?.execute([new.id])?;
            self.put_terms(new.id, &analysed)?;
            let gone = &analyse(&old.content, old.actor.as_deref()).words - &analysed.words;
            self.forget_words(&gone)?;
        }
        if new.content != old.content {
            let model_id = match embedded {
                Some(embedded) => Some(self.put_vector(new.id, &embedded)?),
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
        self.put_fact(new, analysed.tokens, place)
    }

    fn put_terms(&mut self, id: MemoryId, analysed: &Analysed) -> Result<(), EngineError> {
        self.connection
            .prepare_cached("INSERT INTO keyword (rowid, terms) VALUES (?, ?)")?
            .execute((id, &analysed.terms))?;
        for word in &analysed.words {
            if self.words.is_news(word) {
                typo::learn(self.connection, word)?;
            }
        }
        Ok(())
    }

    fn put_fact(
        &mut self,
        memory: &Memory,
        tokens: u32,
        (session, position): (u32, u32),
    ) -> Result<(), EngineError> {
        let actor = match &memory.actor {
            Some(actor) => self.actor_number(actor)?,
            None => 0,
        };
        let fact = Fact {
            tokens,
            session,
            position,
            actor,
            at_ms: memory.event_time.unwrap_or(memory.created_at).as_millisecond(),
            expires_ms: ms(memory.expires_at).unwrap_or(i64::MAX),
            importance: memory.importance as f32,
        };
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?
            .execute((
                memory.id,
                tokens,
                session,
                position,
                actor,
                fact.at_ms,
                ms(memory.expires_at),
                memory.importance,
            ))?;
        self.changes.push(IndexChange::Put { id: memory.id, fact });
        Ok(())
    }

    fn put_vector(&mut self, id: MemoryId, embedded: &Embedded) -> Result<i64, EngineError> {
        if embedded.values.len() != embedded.model.dimensions {
            let (got, want) = (embedded.values.len(), embedded.model.dimensions);
            return Err(EngineError::Internal(format!("a vector of {got} components instead of {want}")));
        }
        let model_id = self.model_id(&embedded.model)?;
        let vector = Quantized::of(&embedded.values);
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO vector (memory_id, model_id, code) VALUES (?, ?, ?)")?
            .execute((id, model_id, vector.to_bytes()))?;
        self.changes.push(IndexChange::Vector { id, model_id, vector: Some(vector) });
        Ok(model_id)
    }

    fn drop_vector(&mut self, id: MemoryId, model: Option<i64>) -> Result<(), EngineError> {
        self.connection.prepare_cached("DELETE FROM vector WHERE memory_id = ?")?.execute([id])?;
        if let Some(model_id) = model {
            self.changes.push(IndexChange::Vector { id, model_id, vector: None });
        }
        Ok(())
    }

    /// The session's number and where a memory of `tokens` words starts in it.
    fn place_in_session(
        &self,
        workspace_id: i64,
        session: Option<&str>,
        tokens: u32,
    ) -> Result<(u32, u32), EngineError> {
        let Some(session) = session else { return Ok((0, 0)) };
        let (number, end): (u32, u32) = self
            .connection
            .prepare_cached(
                "INSERT INTO session (workspace_id, name, end_position) VALUES (?, ?, ?) \
                 ON CONFLICT (workspace_id, name) DO UPDATE SET end_position = \
                 min(session.end_position + excluded.end_position, 4000000000) RETURNING id, end_position",
            )?
            .query_row((workspace_id, session, tokens), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((number, end.saturating_sub(tokens)))
    }

    fn workspace_id(&mut self, name: &str) -> Result<i64, EngineError> {
        if let Some(id) = self.workspaces.get(name) {
            return Ok(*id);
        }
        let known = self
            .connection
            .prepare_cached("SELECT id FROM workspace WHERE name = ?")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.connection
                    .prepare_cached("INSERT INTO workspace (name, created_at) VALUES (?, ?)")?
                    .execute((name, self.now_ms))?;
                self.connection.last_insert_rowid()
            }
        };
        self.workspaces.insert(name.to_owned(), id);
        Ok(id)
    }

    fn actor_number(&mut self, name: &str) -> Result<u32, EngineError> {
        if let Some(number) = self.actors.get(name) {
            return Ok(*number);
        }
        let known = self
            .connection
            .prepare_cached("SELECT id FROM actor WHERE name = ?")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let number = match known {
            Some(number) => number,
            None => {
                let number = self
                    .connection
                    .prepare_cached("INSERT INTO actor (name) VALUES (?) RETURNING id")?
                    .query_row([name], |row| row.get(0))?;
                self.changes.push(IndexChange::Actor { number, name: name.to_owned() });
                number
            }
        };
        self.actors.insert(name.to_owned(), number);
        Ok(number)
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

    fn remove_all(&mut self, ids: &[MemoryId]) -> Result<i64, EngineError> {
        let (mut freed, mut words) = (0, BTreeSet::new());
        for id in ids {
            let (content, actor): (String, Option<String>) = self
                .connection
                .prepare_cached("SELECT content, actor FROM memory WHERE id = ?")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            freed += self.remove(*id)?;
            words.append(&mut analyse(&content, actor.as_deref()).words);
        }
        self.forget_words(&words)?;
        Ok(freed)
    }

    /// Removes a memory from every table; its history, facts and vector go with the row.
    fn remove(&mut self, id: MemoryId) -> Result<i64, EngineError> {
        self.connection.prepare_cached("DELETE FROM keyword WHERE rowid = ?")?.execute([id])?;
        let freed: i64 = self
            .connection
            .prepare_cached(
                "DELETE FROM memory WHERE id = ? \
                 RETURNING length(CAST(content AS BLOB)) + length(CAST(metadata AS BLOB))",
            )?
            .query_row([id], |row| row.get(0))?;
        self.changes.push(IndexChange::Remove { id });
        Ok(freed)
    }

    /// Takes words out of the vocabulary that no memory uses any more.
    fn forget_words(&mut self, words: &BTreeSet<String>) -> Result<(), EngineError> {
        for word in words {
            let used = self
                .connection
                .prepare_cached("SELECT 1 FROM keyword WHERE keyword MATCH ? LIMIT 1")?
                .exists([format!("\"{}\"", analysis::stem(word))])?;
            if !used {
                typo::forget(self.connection, word)?;
                self.words.forget(word);
            }
        }
        Ok(())
    }

    fn replay(&self, asked: &Idempotency, model: Option<i64>) -> Result<Option<Stored>, EngineError> {
        let known: Option<(Vec<u8>, String)> = self
            .connection
            .prepare_cached("SELECT fingerprint, outcome FROM idempotency WHERE key = ? AND created_at >= ?")?
            .query_row((&asked.key, self.now_ms - IDEMPOTENCY_LIFETIME_MS), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((fingerprint, outcome)) = known else { return Ok(None) };
        if fingerprint != asked.fingerprint {
            return Err(EngineError::IdempotencyKeyReused);
        }
        let outcome: Vec<(MemoryId, bool)> =
            serde_json::from_str(&outcome).map_err(|error| EngineError::Damaged(error.to_string()))?;
        let items = outcome
            .into_iter()
            .map(|(id, created)| {
                let memory = read::get(self.connection, id, model, self.now_ms)?;
                Ok(StoredMemory {
                    memory,
                    outcome: if created { Outcome::Created } else { Outcome::Updated },
                })
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(Some(Stored { items, created: 0, storage_bytes_delta: 0 }))
    }

    fn remember(&self, asked: &Idempotency, stored: &Stored) -> Result<(), EngineError> {
        let outcome: Vec<(MemoryId, bool)> =
            stored.items.iter().map(|item| (item.memory.id, item.outcome == Outcome::Created)).collect();
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO idempotency (key, fingerprint, outcome, created_at) VALUES (?, ?, ?, ?)")?
            .execute((&asked.key, asked.fingerprint.as_slice(), to_json(&outcome)?, self.now_ms))?;
        Ok(())
    }
}

/// The row of a model, made when it is new.
pub(crate) fn model_id(connection: &Connection, model: &ModelIdentity) -> Result<i64, EngineError> {
    let key = (&*model.name, &*model.revision, model.dimensions as i64);
    let known = connection
        .prepare_cached("SELECT id FROM model WHERE name = ? AND revision = ? AND dimensions = ?")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => Ok(connection
            .prepare_cached("INSERT INTO model (name, revision, dimensions) VALUES (?, ?, ?) RETURNING id")?
            .query_row(key, |row| row.get(0))?),
    }
}

/// A draft as the memory it becomes, with every default in place. Its rules were checked before.
fn fresh(new: NewMemory, now: Timestamp) -> Memory {
    let (tier, expires_at) = lifetime(new.tier, new.expires_at, now);
    let mut seen = HashSet::new();
    Memory {
        id: 0,
        content: new.content,
        kind: new.kind.unwrap_or_else(|| KIND_DEFAULT.into()),
        tags: new.tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect(),
        metadata: new.metadata,
        importance: new.importance.unwrap_or(IMPORTANCE_DEFAULT),
        workspace: workspace_or_default(new.workspace.as_deref()),
        user_id: new.user_id,
        agent_id: new.agent_id,
        session_id: new.session_id,
        actor: new.actor,
        tier,
        expires_at,
        event_time: cut(new.event_time),
        valid_from: cut(new.valid_from),
        valid_to: cut(new.valid_to),
        superseded_by: new.superseded_by,
        custom_id: new.custom_id,
        version: 1,
        created_at: now,
        updated_at: now,
        embedding: EmbeddingState::Pending,
    }
}

/// `old` with the patch applied, or every rule the result breaks.
fn patched(old: &Memory, patch: &MemoryPatch, now: Timestamp) -> Result<Memory, EngineError> {
    let mut problems = Vec::new();
    if patch.content == Change::Clear {
        problems.push(Problem::new("content", "must not be null"));
    }
    // An expiry that is asked for makes the memory daily; clearing it, or asking for permanent, undoes that.
    let tier = match (&patch.tier, &patch.expires_at) {
        (Change::Set(tier), _) => Some(*tier),
        (Change::Clear, _) | (Change::Keep, Change::Clear) => Some(Tier::Permanent),
        (Change::Keep, Change::Set(_)) => Some(Tier::Daily),
        (Change::Keep, Change::Keep) => Some(old.tier),
    };
    let expires_at = match (&patch.expires_at, tier) {
        (Change::Set(at), _) => Some(*at),
        (Change::Keep, Some(Tier::Daily)) => old.expires_at,
        (Change::Keep | Change::Clear, _) => None,
    };
    let merged = NewMemory {
        content: patch.content.onto(Some(old.content.clone())).unwrap_or_default(),
        kind: patch.kind.onto(Some(old.kind.clone())),
        tags: patch.tags.onto(Some(old.tags.clone())).unwrap_or_default(),
        metadata: patch.metadata.onto(Some(old.metadata.clone())).unwrap_or_default(),
        importance: patch.importance.onto(Some(old.importance)),
        workspace: patch.workspace.onto(Some(old.workspace.clone())),
        user_id: patch.user_id.onto(old.user_id.clone()),
        agent_id: patch.agent_id.onto(old.agent_id.clone()),
        session_id: patch.session_id.onto(old.session_id.clone()),
        actor: patch.actor.onto(old.actor.clone()),
        tier,
        expires_at,
        event_time: patch.event_time.onto(old.event_time),
        valid_from: patch.valid_from.onto(old.valid_from),
        valid_to: patch.valid_to.onto(old.valid_to),
        superseded_by: patch.superseded_by.onto(old.superseded_by),
        custom_id: patch.custom_id.onto(old.custom_id.clone()),
    };
    if patch.content != Change::Clear {
        problems.extend(merged.problems(now));
    }
    if problems.is_empty() { Ok(fresh(merged, now)) } else { Err(EngineError::Invalid(problems)) }
}

fn lifetime(tier: Option<Tier>, expires_at: Option<Timestamp>, now: Timestamp) -> (Tier, Option<Timestamp>) {
    match (tier, cut(expires_at)) {
        (Some(Tier::Permanent) | None, None) => (Tier::Permanent, None),
        (_, Some(at)) => (Tier::Daily, Some(at)),
        (Some(Tier::Daily), None) => {
            let at = Timestamp::from_millisecond(now.as_millisecond() + DAILY_LIFETIME_MS)
                .unwrap_or(Timestamp::MAX);
            (Tier::Daily, Some(at))
        }
    }
}

fn workspace_or_default(name: Option<&str>) -> String {
    name.and_then(normal_workspace).unwrap_or_else(|| WORKSPACE_DEFAULT.into())
}

fn state_of(model_id: Option<i64>, in_use: Option<i64>) -> EmbeddingState {
    if model_id.is_some() && model_id == in_use { EmbeddingState::Ready } else { EmbeddingState::Pending }
}

/// Cuts a time to the millisecond, which is what the file keeps.
fn cut(time: Option<Timestamp>) -> Option<Timestamp> {
    time.and_then(|at| Timestamp::from_millisecond(at.as_millisecond()).ok())
}

fn ms(time: Option<Timestamp>) -> Option<i64> {
    time.map(|at| at.as_millisecond())
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(|error| EngineError::Internal(error.to_string()))
}
