//! The one door: whichever provider was chosen, text goes in and vectors come out.

use std::sync::Arc;

use stdx::clock::SharedClock;

use crate::config::EmbeddingConfig;
use crate::error::{EmbedError, OpenError};
use crate::identity::ModelIdentity;
use crate::local::LocalModel;
use crate::near_words::{NearWord, near_words};
use crate::remote::{Health, RemoteModel};
use crate::spelling::{Spelling, is_spelt_right, spellings};
use crate::static_model::StaticModel;
use crate::writing::is_latin;

/// Text a static model reads between two chances for other tasks to run: about 10 ms of work.
const BYTES_BETWEEN_YIELDS: usize = 256 * 1024;

/// Makes vectors, by a static model at once or by a transformer or a remote one in a while.
#[derive(Debug)]
pub struct Embedding {
    provider: Provider,
}

#[derive(Debug)]
enum Provider {
    BuiltIn,
    Static(Arc<StaticModel>),
    Local(Box<LocalModel>),
    Remote(Box<RemoteModel>),
}

impl Embedding {
    /// The model inside the binary; needs nothing and cannot fail.
    pub fn built_in() -> Self {
        Self { provider: Provider::BuiltIn }
    }

    /// Sets up what `config` names. A remote endpoint is not called yet.
    ///
    /// # Errors
    /// [`OpenError`] when files are missing or damaged, or a setting cannot work.
    pub fn open(config: EmbeddingConfig, clock: SharedClock) -> Result<Self, OpenError> {
        let provider = match config {
            EmbeddingConfig::BuiltIn => Provider::BuiltIn,
            EmbeddingConfig::StaticFiles { name, table, vocabulary } => {
                Provider::Static(Arc::new(StaticModel::read(&name, &table, &vocabulary)?))
            }
            EmbeddingConfig::Local(local) => Provider::Local(Box::new(LocalModel::open(local)?)),
            EmbeddingConfig::Remote(remote) => Provider::Remote(Box::new(RemoteModel::new(remote, clock)?)),
        };
        Ok(Self { provider })
    }

    /// The unit vector of each text, in order. For texts to be stored; see [`embed_query`](Self::embed_query).
    ///
    /// # Errors
    /// [`EmbedError`], never from a static model.
    pub async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        match self.provider() {
            Either::Static(model) => Ok(embed_politely(model, texts).await),
            Either::Local(model) => model.embed(texts).await,
            Either::Remote(model) => model.embed(texts).await,
        }
    }

    /// The unit vector of a search's query, within the shorter deadline that a waiting person deserves.
    ///
    /// # Errors
    /// [`EmbedError`], never from a static model.
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        match self.provider() {
            Either::Static(model) => Ok(model.embed(text)),
            Either::Local(model) => model.embed_query(text).await,
            Either::Remote(model) => model.embed_query(text).await,
        }
    }

    /// The unit vector of `text` if that takes no waiting: only from a static model.
    pub fn embed_now(&self, text: &str) -> Option<Vec<f32>> {
        match self.provider() {
            Either::Static(model) => Some(model.embed(text)),
            Either::Local(_) | Either::Remote(_) => None,
        }
    }

    /// Which model this is; `None` until a remote model's dimensions are known (configured, or learnt from
    /// its first answer).
    pub fn identity(&self) -> Option<ModelIdentity> {
        match self.provider() {
            Either::Static(model) => Some(model.identity()),
            Either::Local(model) => Some(model.identity()),
            Either::Remote(model) => model.identity(),
        }
    }

    /// Which model this is, asking a remote one for a vector if its dimensions are not known yet.
    ///
    /// # Errors
    /// [`EmbedError`], never from a static model.
    pub async fn learn_identity(&self) -> Result<ModelIdentity, EmbedError> {
        match self.provider() {
            Either::Static(model) => Ok(model.identity()),
            Either::Local(model) => Ok(model.identity()),
            Either::Remote(model) => model.learn_identity().await,
        }
    }

    /// Words near in meaning to `word`, nearest first; see [`near_words`]. A static model from files speaks a
    /// language that is not known here, so it has none.
    pub fn near_words(&self, word: &str) -> impl Iterator<Item = NearWord> + use<> {
        self.is_english().then(|| near_words(word)).into_iter().flatten()
    }

    /// Whether `word` (in lower case) is spelt right, as far as is known: a static model from files knows no words.
    pub fn is_spelt_right(&self, word: &str) -> bool {
        self.is_english() && is_spelt_right(word)
    }

    /// Words one edit from `word`; see [`spellings`].
    pub fn spellings(&self, word: &str) -> Vec<Spelling> {
        if self.is_english() { spellings(word) } else { Vec::new() }
    }

    /// Whether the model knows the writing of `text`: the built-in one knows Latin letters, others whatever they were
    /// made for.
    pub fn knows_writing_of(&self, text: &str) -> bool {
        match &self.provider {
            Provider::BuiltIn => is_latin(text),
            Provider::Static(_) | Provider::Local(_) | Provider::Remote(_) => true,
        }
    }

    fn is_english(&self) -> bool {
        match &self.provider {
            Provider::BuiltIn | Provider::Local(_) | Provider::Remote(_) => true,
            Provider::Static(_) => false,
        }
    }

    /// Whether vectors can be expected now; a static model or one run here is always up.
    pub fn health(&self) -> Health {
        match self.provider() {
            Either::Static(_) | Either::Local(_) => Health::Up,
            Either::Remote(model) => model.health(),
        }
    }

    fn provider(&self) -> Either<'_> {
        match &self.provider {
            Provider::BuiltIn => Either::Static(StaticModel::shared()),
            Provider::Static(model) => Either::Static(model),
            Provider::Local(model) => Either::Local(model),
            Provider::Remote(model) => Either::Remote(model),
        }
    }
}

/// A provider that is ready: the built-in one is only made when it is first asked for.
enum Either<'a> {
    Static(&'a StaticModel),
    Local(&'a LocalModel),
    Remote(&'a RemoteModel),
}

async fn embed_politely(model: &StaticModel, texts: &[&str]) -> Vec<Vec<f32>> {
    let mut vectors = Vec::with_capacity(texts.len());
    let mut bytes = 0;
    for text in texts {
        vectors.push(model.embed(text));
        bytes += text.len();
        if bytes > BYTES_BETWEEN_YIELDS {
            bytes = 0;
            tokio::task::yield_now().await;
        }
    }
    vectors
}
