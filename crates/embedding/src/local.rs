//! A transformer run here for many callers: bounded in threads, timed out, given up when nobody waits any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::LocalConfig;
use crate::error::{EmbedError, OpenError};
use crate::identity::ModelIdentity;
use crate::query_cache::QueryCache;
use crate::transformer::{ModelFlaw, TextKind, Transformer};

/// Texts of one turn on a thread: some 100 ms, the longest that a query waits for a thread held by texts to be stored.
const TEXTS_A_TURN: usize = 16;

/// Texts that one deadline is meant for, as with a remote model.
const TEXTS_A_DEADLINE: usize = 96;

/// A transformer from a folder.
#[derive(Debug)]
pub struct LocalModel {
    transformer: Arc<Transformer>,
    deadline: Duration,
    query_deadline: Duration,
    /// A thread at work holds one.
    turns: Arc<Semaphore>,
    /// Texts to be stored hold one of these as well: of several threads, one is left to queries.
    stored_turns: Arc<Semaphore>,
    cache: QueryCache,
}

impl LocalModel {
    /// Reads the model into memory.
    ///
    /// # Errors
    /// [`OpenError::Model`] when the folder's model cannot be used, or is not of the width asked for.
    pub fn open(config: LocalConfig) -> Result<Self, OpenError> {
        let LocalConfig { name, folder, dimensions, threads, deadline, query_deadline, hub: _ } = config;
        let transformer = Transformer::read(&name, &folder).and_then(|model| {
            let width = model.identity().dimensions;
            match dimensions.filter(|wanted| *wanted != width) {
                Some(wanted) => Err(ModelFlaw::Dimensions { wanted, width }),
                None => Ok(model),
            }
        });
        let transformer = transformer.map_err(|flaw| OpenError::Model { folder, flaw })?;
        let threads = threads.max(1);
        Ok(Self {
            transformer: Arc::new(transformer),
            deadline,
            query_deadline,
            turns: Arc::new(Semaphore::new(threads)),
            stored_turns: Arc::new(Semaphore::new((threads - 1).max(1))),
            cache: QueryCache::new(),
        })
    }

    /// The unit vector of each text, in order. One thread a call; several calls share them in turns.
    ///
    /// # Errors
    /// [`EmbedError::TooSlow`].
    pub async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(TEXTS_A_DEADLINE) {
            let until = Instant::now() + self.deadline;
            for texts in texts.chunks(TEXTS_A_TURN) {
                let left = until.saturating_duration_since(Instant::now());
                let made = self.within(left, self.turn(texts, TextKind::Stored)).await;
                vectors.extend(made.map_err(|error| said_of(error, self.deadline))?);
            }
        }
        Ok(vectors)
    }

    /// The unit vector of a query: from memory if it was asked before, else within the query deadline.
    ///
    /// # Errors
    /// [`EmbedError::TooSlow`].
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        if let Some(known) = self.cache.get(text) {
            return Ok(known);
        }
        let mut vectors = self.within(self.query_deadline, self.turn(&[text], TextKind::Query)).await?;
        let vector = vectors.pop().ok_or(EmbedError::Failed)?;
        self.cache.remember(text, &vector);
        Ok(vector)
    }

    /// Which model this is.
    pub fn identity(&self) -> ModelIdentity {
        self.transformer.identity()
    }

    /// The transformer itself.
    pub fn transformer(&self) -> &Transformer {
        &self.transformer
    }

    /// Waits for a thread and works on it. Dropped meanwhile, the work ends after its present layer.
    async fn turn(&self, texts: &[&str], kind: TextKind) -> Result<Vec<Vec<f32>>, EmbedError> {
        let stored_turn = match kind {
            TextKind::Stored => Some(permit(&self.stored_turns).await?),
            TextKind::Query => None,
        };
        let turn = permit(&self.turns).await?;
        let abandoned = Arc::new(AtomicBool::new(false));
        let _waiting = Waiting(Arc::clone(&abandoned));
        let transformer = Arc::clone(&self.transformer);
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let work = tokio::task::spawn_blocking(move || {
            // Kept until the work has ended, whoever has left.
            let _turns = (turn, stored_turn);
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            transformer.embed(&texts, kind, &abandoned)
        });
        work.await.ok().flatten().ok_or(EmbedError::Failed)
    }

    async fn within<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, EmbedError>>,
    ) -> Result<T, EmbedError> {
        let outcome = tokio::time::timeout(patience, work).await;
        outcome.unwrap_or(Err(EmbedError::TooSlow { after: patience }))
    }
}

/// The patience that was configured, not what was left of it.
fn said_of(error: EmbedError, deadline: Duration) -> EmbedError {
    match error {
        EmbedError::TooSlow { .. } => EmbedError::TooSlow { after: deadline },
        error => error,
    }
}

async fn permit(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, EmbedError> {
    Arc::clone(turns).acquire_owned().await.map_err(|_| EmbedError::Failed)
}

/// Somebody waits for the answer; when it is dropped, nobody does.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
