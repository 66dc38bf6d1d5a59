//! The built-in embedding as the service uses it: vectors of texts, and searches with their near words.

use std::sync::Arc;

use embedding::StaticModel;
use engine::{Embedded, ModelIdentity, NearWord, Reader, Reading, SearchQuery, Spelling};

/// The built-in model.
#[derive(Debug, Clone)]
pub(super) struct Builtin {
    model: &'static StaticModel,
    identity: ModelIdentity,
}

impl Builtin {
    pub(super) fn new() -> Self {
        let model = StaticModel::shared();
        let identity = model.identity();
        let identity = ModelIdentity {
            name: identity.name.into(),
            revision: identity.revision.into(),
            dimensions: identity.dimensions,
        };
        Self { model, identity }
    }

    pub(super) fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    pub(super) fn embed(&self, text: &str) -> Embedded {
        Embedded { model: self.identity.clone(), values: self.model.embed(text) }
    }

    /// A search as the service asks it: near words and vector included, and both again if a word is corrected.
    pub(super) fn query(&self, text: &str, limit: usize) -> SearchQuery {
        let Reading { embedded, near_words } = self.read(text);
        SearchQuery {
            text: text.to_owned(),
            embedded,
            near_words,
            reader: Some(Arc::new(self.clone())),
            limit,
            ..SearchQuery::default()
        }
    }
}

/// A query as the built-in model reads it.
impl Reader for Builtin {
    fn read(&self, text: &str) -> Reading {
        let near_to = |of: String| {
            let near = embedding::near_words(&of);
            near.map(move |near| NearWord { of: of.clone(), word: near.word.into(), cosine: near.cosine })
        };
        Reading {
            embedded: Some(self.embed(text)),
            near_words: engine::telling_words(text).into_iter().flat_map(near_to).collect(),
        }
    }

    fn knows_writing_of(&self, text: &str) -> bool {
        embedding::is_latin(text)
    }

    fn is_spelt_right(&self, word: &str) -> bool {
        embedding::is_spelt_right(word)
    }

    fn spellings(&self, word: &str) -> Vec<Spelling> {
        let spelling = |one: embedding::Spelling| Spelling { word: one.word.into(), rank: one.rank };
        embedding::spellings(word).into_iter().map(spelling).collect()
    }
}
