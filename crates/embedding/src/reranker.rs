//! A second opinion on what a search found: cosines by a transformer run here, in time or not at all. Texts it read lately
//! are remembered, apart for each owner, so that nobody learns from the time it takes what another one stores.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::config::LocalConfig;
use crate::error::{EmbedError, OpenError};
use crate::identity::ModelIdentity;
use crate::local::LocalModel;
use crate::token_estimate::first_tokens;

/// The longest a second opinion may take, of the three seconds that a search may: forty short texts on one thread.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is read of a text, from its start: some 30 ms. Twenty of them are read in time.
pub const RERANKED_TOKENS_MAX: usize = 96;
/// Texts that are read together: what time runs out on is read again.
const TEXTS_AT_ONCE: usize = 5;
/// 32 MiB hold the vectors of 20,000 texts at 384 dimensions.
const BYTES_REMEMBERED_MAX: u64 = 32 * 1024 * 1024;
/// What is deleted is forgotten here within the hour.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// BLAKE3 of owner and text: what is remembered holds no texts.
type Fingerprint = [u8; 32];

/// A transformer that judges hits.
#[derive(Debug)]
pub struct Reranker {
    model: LocalModel,
    patience: Duration,
    vectors: Cache<Fingerprint, Arc<[f32]>>,
}

impl Reranker {
    /// Reads the model into memory; its deadlines are the reranker's own.
    ///
    /// # Errors
    /// [`OpenError::Model`] when the folder's model cannot be used.
    pub fn open(config: LocalConfig) -> Result<Self, OpenError> {
        Self::with_patience(config, PATIENCE)
    }

    fn with_patience(config: LocalConfig, patience: Duration) -> Result<Self, OpenError> {
        let weigh =
            |_: &Fingerprint, vector: &Arc<[f32]>| u32::try_from(vector.len() * 4 + 64).unwrap_or(u32::MAX);
        let vectors = Cache::builder()
            .max_capacity(BYTES_REMEMBERED_MAX)
            .weigher(weigh)
            .time_to_live(REMEMBERED)
            .build();
        let model = LocalModel::open(LocalConfig { deadline: patience, query_deadline: patience, ..config })?;
        Ok(Self { model, patience, vectors })
    }

    /// The cosine of `query` with each of `texts`, in order. What was read before time ran out is remembered for the next
    /// try.
    ///
    /// # Errors
    /// [`EmbedError::TooSlow`].
    pub async fn cosines(&self, owner: &str, query: &str, texts: &[&str]) -> Result<Vec<f32>, EmbedError> {
        let (first, second) = texts.split_at(texts.len().div_ceil(2));
        // Two halves, so that two threads can work on them.
        let read = async {
            tokio::try_join!(self.model.embed_query(query), self.read(owner, first), self.read(owner, second))
        };
        let outcome = tokio::time::timeout(self.patience, read).await;
        let (query, first, second) =
            outcome.map_err(|_| EmbedError::TooSlow { after: self.patience }).flatten()?;
        let cosine = |vector: &Arc<[f32]>| query.iter().zip(vector.iter()).map(|(a, b)| a * b).sum();
        Ok(first.iter().chain(&second).map(cosine).collect())
    }

    /// Which model this is.
    pub fn identity(&self) -> ModelIdentity {
        self.model.identity()
    }

    /// The vectors of `texts`.
    async fn read(&self, owner: &str, texts: &[&str]) -> Result<Vec<Arc<[f32]>>, EmbedError> {
        let texts: Vec<&str> = texts.iter().map(|text| first_tokens(text, RERANKED_TOKENS_MAX)).collect();
        let mut known: Vec<Option<Arc<[f32]>>> =
            texts.iter().map(|text| self.vectors.get(&fingerprint(owner, text))).collect();
        let new: Vec<usize> = (0..texts.len()).filter(|at| known[*at].is_none()).collect();
        for some in new.chunks(TEXTS_AT_ONCE) {
            let read: Vec<&str> = some.iter().map(|at| texts[*at]).collect();
            for (at, vector) in some.iter().zip(self.model.embed(&read).await?) {
                let vector: Arc<[f32]> = vector.into();
                self.vectors.insert(fingerprint(owner, texts[*at]), Arc::clone(&vector));
                known[*at] = Some(vector);
            }
        }
        known.into_iter().collect::<Option<_>>().ok_or(EmbedError::Failed)
    }
}

fn fingerprint(owner: &str, text: &str) -> Fingerprint {
    let mut hasher = blake3::Hasher::new();
    // The length keeps "ab" + "c" and "a" + "bc" apart.
    hasher.update(&owner.len().to_le_bytes()).update(owner.as_bytes()).update(text.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformer::TextKind;

    fn reranker(patience: Duration) -> Reranker {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny-bert");
        Reranker::with_patience(LocalConfig::new("tiny", folder), patience).unwrap()
    }

    const TEXTS: [&str; 5] = ["the cat sat", "a storm is coming", "", "the cat sat", "dogs and cats"];

    #[tokio::test]
    async fn cosines_are_those_of_the_model_in_order_remembered_or_not() {
        let reranker = reranker(Duration::from_secs(60));
        let model = reranker.model.transformer();
        let no = std::sync::atomic::AtomicBool::new(false);
        let query = model.embed(&["a cat"], TextKind::Query, &no).unwrap().remove(0);
        let vectors = model.embed(&TEXTS, TextKind::Stored, &no).unwrap();
        let want: Vec<f32> =
            vectors.iter().map(|vector| vector.iter().zip(&query).map(|(a, b)| a * b).sum()).collect();
        for _ in 0..2 {
            let cosines = reranker.cosines("one", "a cat", &TEXTS).await.unwrap();
            assert_eq!(cosines.len(), want.len());
            for (cosine, want) in cosines.iter().zip(&want) {
                assert!((cosine - want).abs() < 1e-5, "{cosines:?} {want:?}");
            }
        }
        reranker.vectors.run_pending_tasks();
        assert_eq!(reranker.vectors.entry_count(), 4);
        reranker.cosines("another", "a cat", &TEXTS).await.unwrap();
        reranker.vectors.run_pending_tasks();
        assert_eq!(reranker.vectors.entry_count(), 8, "nothing is shared between owners");
        assert_eq!(reranker.cosines("one", "a cat", &[]).await.unwrap(), Vec::<f32>::new());
    }

    #[tokio::test]
    async fn without_time_there_is_no_opinion() {
        // So many that they are never read before the timer is looked at.
        let texts: Vec<String> = (0..2_000).map(|number| format!("text {number}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let outcome = reranker(Duration::ZERO).cosines("one", "a cat", &texts).await.map(|found| found.len());
        assert!(matches!(outcome, Err(EmbedError::TooSlow { .. })), "{outcome:?}");
    }
}
