//! Vectors for the engine: the embedding provider, measured apart, with the model's name on every vector.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use embedding::{EmbedError, Embedding};
use engine::{Embedded, ModelIdentity, NearWord, Reader, Reading, Spelling};
use fleet::Fleet;
use stdx::stage::stage;
use tracing::Instrument;

use crate::telemetry::note_provider_time;

/// The provider and the model it turned out to be.
#[derive(Debug)]
pub struct Vectors {
    embedding: Embedding,
    model: ArcSwapOption<ModelIdentity>,
    fleet: OnceLock<Weak<Fleet>>,
}

impl Vectors {
    pub(crate) fn new(embedding: Embedding) -> Self {
        let model = embedding.identity().map(|identity| Arc::new(to_engine(identity)));
        Self { embedding, model: ArcSwapOption::new(model), fleet: OnceLock::new() }
    }

    /// Tells `fleet` which model is in use once it is known.
    pub(crate) fn follow(&self, fleet: &Arc<Fleet>) {
        let _ = self.fleet.set(Arc::downgrade(fleet));
    }

    /// The provider itself.
    pub fn provider(&self) -> &Embedding {
        &self.embedding
    }

    /// The model in use; `None` until a remote one has answered for the first time.
    pub fn model(&self) -> Option<ModelIdentity> {
        self.model.load().as_deref().cloned()
    }

    /// The vector of a text to be stored; `None` leaves the memory to be embedded later.
    pub async fn of_text(&self, text: &str) -> Option<Embedded> {
        let embedding = async {
            match self.at_once(text) {
                Some(embedded) => Some(embedded),
                None => self.asked_for(&[text]).await.pop().flatten(),
            }
        };
        embedding.instrument(stage!("embed")).await
    }

    /// The vectors of texts to be stored, one each.
    pub async fn of_texts(&self, texts: &[&str]) -> Vec<Option<Embedded>> {
        self.asked_for(texts).instrument(stage!("embed")).await
    }

    /// The vector of a search's query; `None` leaves the search to words alone.
    pub async fn of_query(&self, text: &str) -> Option<Embedded> {
        let embedding = async {
            if let Some(embedded) = self.at_once(text) {
                return Some(embedded);
            }
            let started = Instant::now();
            let outcome = self.embedding.embed_query(text).await.map(|vector| vec![vector]);
            let (model, mut vectors) = self.measured(started, outcome).await?;
            Some(Embedded { model, values: vectors.pop()? })
        };
        embedding.instrument(stage!("embed")).await
    }

    /// Words near in meaning to the words of a search's query.
    pub fn near_words(&self, query: &str) -> Vec<NearWord> {
        let near_to = |of: String| {
            let near = self.embedding.near_words(&of);
            near.map(move |near| NearWord { of: of.clone(), word: near.word.into(), cosine: near.cosine })
        };
        engine::telling_words(query).into_iter().flat_map(near_to).collect()
    }

    /// A static model needs no waiting and cannot fail; not worth a measurement of its own.
    fn at_once(&self, text: &str) -> Option<Embedded> {
        let model = self.model()?;
        Some(Embedded { model, values: self.embedding.embed_now(text)? })
    }

    async fn asked_for(&self, texts: &[&str]) -> Vec<Option<Embedded>> {
        let started = Instant::now();
        let outcome = self.embedding.embed(texts).await;
        match self.measured(started, outcome).await {
            Some((model, vectors)) => {
                vectors.into_iter().map(|values| Some(Embedded { model: model.clone(), values })).collect()
            }
            None => vec![None; texts.len()],
        }
    }

    async fn measured(
        &self,
        started: Instant,
        outcome: Result<Vec<Vec<f32>>, EmbedError>,
    ) -> Option<(ModelIdentity, Vec<Vec<f32>>)> {
        let took = started.elapsed();
        metrics::histogram!("engram_embedding_duration_seconds").record(took.as_secs_f64());
        note_provider_time(took);
        match outcome {
            Ok(vectors) => Some((self.learnt_model().await?, vectors)),
            Err(error) => {
                metrics::counter!("engram_embedding_failures_total", "outcome" => error.outcome())
                    .increment(1);
                tracing::warn!(%error, "no vector; memories are found by words until they are embedded");
                None
            }
        }
    }

    /// The model, told to every store before the first of its vectors reaches one.
    async fn learnt_model(&self) -> Option<ModelIdentity> {
        if let Some(model) = self.model() {
            return Some(model);
        }
        let model = to_engine(self.embedding.identity()?);
        if let Some(fleet) = self.fleet.get().and_then(Weak::upgrade) {
            fleet.use_model(model.clone()).await;
        }
        self.model.store(Some(Arc::new(model.clone())));
        Some(model)
    }
}

/// A query, read again within a search: a model that takes waiting is not asked a second time.
impl Reader for Vectors {
    fn read(&self, text: &str) -> Reading {
        Reading { embedded: self.at_once(text), near_words: self.near_words(text) }
    }

    fn knows_writing_of(&self, text: &str) -> bool {
        self.embedding.knows_writing_of(text)
    }

    fn is_spelt_right(&self, word: &str) -> bool {
        self.embedding.is_spelt_right(word)
    }

    fn spellings(&self, word: &str) -> Vec<Spelling> {
        let spelling = |one: embedding::Spelling| Spelling { word: one.word.into(), rank: one.rank };
        self.embedding.spellings(word).into_iter().map(spelling).collect()
    }
}

fn to_engine(identity: embedding::ModelIdentity) -> ModelIdentity {
    ModelIdentity {
        name: identity.name.into(),
        revision: identity.revision.into(),
        dimensions: identity.dimensions,
    }
}
