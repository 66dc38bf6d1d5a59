//! The store: one SQLite file, one writer, as many readers as ask, and the index they share.

mod outcomes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;
use stdx::clock::SharedClock;

use crate::bounds::{Bounds, Tally};
use crate::connection;
use crate::error::{EngineError, Problem};
use crate::filter::Filter;
use crate::index::{Index, IndexChange, Sizes};
use crate::integrity;
use crate::memory::{BATCH_ROWS_MAX, Draft, Memory, MemoryId, MemoryPatch, Revision};
use crate::query::{
    ListQuery, Page, SearchAnswer, SearchQuery, SessionPage, SessionQuery, Stats, WorkspaceSummary,
};
use crate::read;
use crate::schema;
use crate::search::{self, Scratch};
use crate::vector::{Embedded, ModelIdentity};
use crate::write::{self, Session};
use crate::writer::Writer;

pub use outcomes::{
    Changed, DeleteMode, Deleted, Idempotency, Outcome, PendingEmbedding, Stored, StoredMemory,
};

/// Idle readers a store keeps open; each costs a file handle or two and its page cache.
const IDLE_READERS_MAX: usize = 4;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Tells the time.
    pub clock: SharedClock,
    /// The model in use; searches compare its vectors only.
    pub model: Option<ModelIdentity>,
}

/// A handle on an open store; clones share it. Every call blocks.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    sizes: Sizes,
    clock: SharedClock,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    /// The model in use: its row in the file and its dimensions.
    model: RwLock<Option<(i64, usize)>>,
    /// Loaded by the first search; `None` while nobody searches.
    index: RwLock<Option<Index>>,
    scratch: Mutex<Vec<Scratch>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `path`, creating or migrating the file. Its folder must exist.
    ///
    /// # Errors
    /// `Damaged` for a foreign or corrupt file, `NewerSchema`, `Disk`.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, EngineError> {
        Self::open_sized(path, options, Sizes::default())
    }

    /// The same with other sizes of what is treated as large.
    pub(crate) fn open_sized(path: &Path, options: StoreOptions, sizes: Sizes) -> Result<Self, EngineError> {
        let mut writer = connection::open_writer(path)?;
        schema::migrate(&mut writer)?;
        let model =
            options.model.map(|m| Ok::<_, EngineError>((write::model_id(&writer, &m)?, m.dimensions)));
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                sizes,
                clock: options.clock,
                writer: Writer::new(writer),
                readers: Mutex::default(),
                model: RwLock::new(model.transpose()?),
                index: RwLock::new(None),
                scratch: Mutex::default(),
            }),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Stores memories, all or none and within `bounds`; one with a known `custom_id` updates that memory.
    ///
    /// # Errors
    /// `Invalid` with every problem of every draft (`[3].content`), `IdempotencyKeyReused`, `BoundReached`, `Disk`.
    pub fn create(
        &self,
        drafts: Vec<Draft>,
        idempotency: Option<Idempotency>,
        bounds: Bounds,
    ) -> Result<Stored, EngineError> {
        let now = self.inner.clock.now();
        let mut problems: Vec<Problem> = Vec::new();
        if drafts.is_empty() || drafts.len() > BATCH_ROWS_MAX {
            let message = format!("has {} rows, 1 to {BATCH_ROWS_MAX} are allowed", drafts.len());
            problems.push(Problem::new("", message));
        }
        for (at, draft) in drafts.iter().enumerate() {
            let place = format!("[{at}]");
            problems.extend(draft.memory.problems(now).into_iter().map(|problem| problem.within(&place)));
        }
        if !problems.is_empty() {
            return Err(EngineError::Invalid(problems));
        }
        let model = self.model_id();
        let analysed = |draft: Draft| {
            let analysed = write::analyse(&draft.memory.content, draft.memory.actor.as_deref());
            (draft, analysed)
        };
        let drafts = drafts.into_iter().map(analysed).collect();
        self.write(move |session| session.create(drafts, idempotency, model, bounds))
    }

    /// Changes fields of a memory; `expected_version` guards against a change in between. `embedded` is the
    /// vector of the new content, if the content changes.
    ///
    /// # Errors
    /// `MemoryNotFound`, `VersionConflict`, `CustomIdTaken`, `Invalid`, `BoundReached`, `Disk`.
    pub fn update(
        &self,
        id: MemoryId,
        patch: MemoryPatch,
        expected_version: Option<i64>,
        embedded: Option<Embedded>,
        bounds: Bounds,
    ) -> Result<Changed, EngineError> {
        let model = self.model_id();
        self.write(move |session| session.update(id, &patch, expected_version, embedded, model, bounds))
    }

    /// Makes an earlier version the newest one again. `embedded` is the vector of that version's content.
    ///
    /// # Errors
    /// Those of [`update`](Self::update), and `VersionNotFound`.
    pub fn revert(
        &self,
        id: MemoryId,
        version: i64,
        expected_version: Option<i64>,
        embedded: Option<Embedded>,
        bounds: Bounds,
    ) -> Result<Changed, EngineError> {
        let model = self.model_id();
        self.write(move |session| session.revert(id, version, expected_version, embedded, model, bounds))
    }

    /// Deletes a memory, its history and everything indexes hold of it.
    ///
    /// # Errors
    /// `MemoryNotFound`, `Disk`.
    pub fn delete(&self, id: MemoryId) -> Result<Deleted, EngineError> {
        self.write(move |session| session.delete(id))
    }

    /// Deletes every memory the filter matches, in one commit.
    ///
    /// # Errors
    /// `Disk`.
    pub fn delete_matching(
        &self,
        filter: Filter,
        workspace: Option<String>,
        mode: DeleteMode,
    ) -> Result<Deleted, EngineError> {
        let model = self.model_id();
        self.write(move |session| session.delete_matching(&filter, workspace.as_deref(), mode, model))
    }

    /// Stores vectors made after the fact; one whose memory has changed meanwhile is dropped. Returns how
    /// many were stored. No bound holds: the memories were let in.
    ///
    /// # Errors
    /// `Disk`.
    pub fn store_embeddings(&self, vectors: Vec<(MemoryId, i64, Embedded)>) -> Result<usize, EngineError> {
        self.write(move |session| session.store_embeddings(vectors))
    }

    /// Removes up to 500 expired memories; returns how many. Nothing expired is ever answered, purged or not.
    ///
    /// # Errors
    /// `Disk`.
    pub fn purge_expired(&self) -> Result<u64, EngineError> {
        self.write(|session| session.purge_expired())
    }

    /// One memory.
    ///
    /// # Errors
    /// `MemoryNotFound`, also when it has expired.
    pub fn get(&self, id: MemoryId) -> Result<Memory, EngineError> {
        let (model, now_ms) = (self.model_id(), self.inner.clock.now_ms());
        self.read(|connection| read::get(connection, id, model, now_ms))
    }

    /// Every version of a memory, newest first.
    ///
    /// # Errors
    /// `MemoryNotFound`.
    pub fn history(&self, id: MemoryId) -> Result<Vec<Revision>, EngineError> {
        let (model, now_ms) = (self.model_id(), self.inner.clock.now_ms());
        self.read(|connection| read::history(connection, id, model, now_ms))
    }

    /// A page of memories.
    ///
    /// # Errors
    /// `DeadlineExceeded` when the filter is too slow over this store.
    pub fn list(&self, query: &ListQuery) -> Result<Page, EngineError> {
        let (model, now_ms) = (self.model_id(), self.inner.clock.now_ms());
        self.read(|connection| read::list(connection, query, model, now_ms))
    }

    /// Finds memories by words and meaning.
    ///
    /// # Errors
    /// `DeadlineExceeded` only when not even the first stage could run.
    pub fn search(&self, query: &SearchQuery) -> Result<SearchAnswer, EngineError> {
        let now_ms = self.inner.clock.now_ms();
        let mut scratch = self.inner.scratch.lock().pop().unwrap_or_default();
        let answer = loop {
            self.load_index()?;
            let tried = self.read(|connection| match self.inner.index.read().as_ref() {
                Some(index) => search::search(connection, index, query, now_ms, &mut scratch).map(Some),
                None => Ok(None),
            });
            // Released between loading and reading, as idle or for another model: it is loaded again.
            if let Some(answer) = tried.transpose() {
                break answer;
            }
        };
        self.inner.scratch.lock().push(scratch);
        answer
    }

    /// Adds a second model's `cosines`, one for each of the best hits or none at all, to what `search` found for
    /// [`before_rerank`](SearchQuery::before_rerank) of `query`.
    ///
    /// # Errors
    /// `Disk`.
    pub fn rerank(
        &self,
        query: &SearchQuery,
        found: SearchAnswer,
        cosines: &[f32],
    ) -> Result<SearchAnswer, EngineError> {
        self.read(|connection| {
            search::rerank(connection, self.inner.index.read().as_ref(), query, found, cosines)
        })
    }

    /// Workspaces by name.
    ///
    /// # Errors
    /// `DeadlineExceeded`, `Disk`.
    pub fn workspaces(&self) -> Result<Vec<WorkspaceSummary>, EngineError> {
        let now_ms = self.inner.clock.now_ms();
        self.read(|connection| read::workspaces(connection, now_ms))
    }

    /// A page of sessions, the one with the newest memory first.
    ///
    /// # Errors
    /// `DeadlineExceeded`, `Disk`.
    pub fn sessions(&self, query: &SessionQuery) -> Result<SessionPage, EngineError> {
        self.read(|connection| read::sessions(connection, query))
    }

    /// What the store holds.
    ///
    /// # Errors
    /// `DeadlineExceeded`, `Disk`.
    pub fn stats(&self) -> Result<Stats, EngineError> {
        let (model, now_ms) = (self.model_id(), self.inner.clock.now_ms());
        self.read(|connection| read::stats(connection, model, now_ms))
    }

    /// How much the store holds, without counting.
    ///
    /// # Errors
    /// `Disk`.
    pub fn tally(&self) -> Result<Tally, EngineError> {
        self.read(write::tally)
    }

    /// Memories that wait for a vector of the model in use, at most `limit`.
    ///
    /// # Errors
    /// `DeadlineExceeded`, `Disk`.
    pub fn pending_embeddings(&self, limit: usize) -> Result<Vec<PendingEmbedding>, EngineError> {
        let (model, now_ms) = (self.model_id(), self.inner.clock.now_ms());
        self.read(|connection| read::pending_embeddings(connection, model, limit, now_ms))
    }

    /// Changes the model in use: vectors of any other are kept but never compared, and their memories
    /// become pending.
    ///
    /// # Errors
    /// `Disk`.
    pub fn use_model(&self, model: ModelIdentity) -> Result<(), EngineError> {
        let dimensions = model.dimensions;
        let id = self.write(move |session| session.model_id(&model))?;
        if *self.inner.model.read() != Some((id, dimensions)) {
            *self.inner.model.write() = Some((id, dimensions));
            self.release_memory();
        }
        Ok(())
    }

    /// Drops the index from memory; the next search loads it again.
    pub fn release_memory(&self) {
        *self.inner.index.write() = None;
        self.inner.scratch.lock().clear();
        self.inner.readers.lock().clear();
    }

    /// Whether the index is in memory.
    pub fn is_warm(&self) -> bool {
        self.inner.index.read().is_some()
    }

    /// Moves the WAL into the file and cuts it to nothing, if no reader is in the way.
    ///
    /// # Errors
    /// `Disk`.
    pub fn checkpoint(&self) -> Result<(), EngineError> {
        self.inner.writer.exclusively(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
    }

    /// Writes that wait for their commit.
    pub fn waiting_writes(&self) -> usize {
        self.inner.writer.waiting()
    }

    /// What is wrong with the file: pages, indexes, references between tables. Nothing when it is whole. Reads all of
    /// it, about a second for each gigabyte, while others go on.
    ///
    /// # Errors
    /// `Damaged`, `Disk` when the file cannot even be read so far.
    pub fn integrity_problems(&self) -> Result<Vec<String>, EngineError> {
        integrity::problems(&connection::open_reader(&self.inner.path)?)
    }

    /// Size of the write-ahead log, in bytes.
    pub fn wal_bytes(&self) -> u64 {
        let mut wal = self.inner.path.clone().into_os_string();
        wal.push("-wal");
        std::fs::metadata(wal).map_or(0, |file| file.len())
    }

    /// The present, as this store's clock tells it.
    pub(crate) fn now(&self) -> Result<Timestamp, EngineError> {
        read::timestamp(self.inner.clock.now_ms())
    }

    fn model_id(&self) -> Option<i64> {
        self.inner.model.read().map(|(id, _)| id)
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Session<'_>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let inner = &self.inner;
        inner.writer.write(operation, || inner.clock.now_ms(), |changes| inner.publish(changes))
    }

    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let idle = self.inner.readers.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::open_reader(&self.inner.path)?,
        };
        connection::set_deadline(&connection, connection::READ_DEADLINE)?;
        let outcome = work(&connection);
        connection::clear_deadline(&connection);
        let mut readers = self.inner.readers.lock();
        if readers.len() < IDLE_READERS_MAX {
            readers.push(connection);
        }
        outcome
    }

    fn load_index(&self) -> Result<(), EngineError> {
        if self.inner.index.read().is_some() {
            return Ok(());
        }
        // The lock is held while loading: commits wait to publish, so none is missed.
        let mut index = self.inner.index.write();
        if index.is_none() {
            let model = *self.inner.model.read();
            *index = Some(self.read(|connection| Index::load(connection, model, self.inner.sizes))?);
        }
        Ok(())
    }
}

impl Inner {
    fn publish(&self, changes: Vec<IndexChange>) {
        if changes.is_empty() {
            return;
        }
        if let Some(index) = self.index.write().as_mut() {
            for change in changes {
                index.apply(change);
            }
        }
    }
}
