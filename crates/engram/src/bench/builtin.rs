//! The built-in embedding as the service uses it: vectors of texts, and searches with their near words.

use embedding::StaticModel;
use engine::{Embedded, ModelIdentity, NearWord, SearchQuery};

/// The built-in model.
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

    /// A search as the service asks it, near words and vector included.
    pub(super) fn query(&self, text: &str, limit: usize) -> SearchQuery {
        let near_to = |of: String| {
            let near = embedding::near_words(&of);
            near.map(move |near| NearWord { of: of.clone(), word: near.word.into(), cosine: near.cosine })
        };
        SearchQuery {
            text: text.to_owned(),
            embedded: Some(self.embed(text)),
            near_words: engine::telling_words(text).into_iter().flat_map(near_to).collect(),
            limit,
            ..SearchQuery::default()
        }
    }
}
