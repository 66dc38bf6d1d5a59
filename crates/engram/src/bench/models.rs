//! The models of a run: what makes the vectors (the built-in one, or a transformer in a folder), and what judges the best
//! hits, if anything does.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use embedding::{TextKind, Transformer, first_tokens};
use engine::{
    Embedded, ModelIdentity, RERANKED_MAX, Reader, Reading, SearchAnswer, SearchQuery, Spelling, Store,
};

use super::builtin::Builtin;

/// Texts a thread embeds at once.
const TEXTS_AT_ONCE: usize = 16;

/// What a run embeds and judges with.
#[derive(Debug)]
pub(super) struct Models {
    builtin: Builtin,
    model: Option<Slow>,
    reranker: Option<Slow>,
}

impl Models {
    /// The built-in model, unless `model` names a folder; nothing judges unless `reranker` does.
    ///
    /// # Errors
    /// When a folder's model cannot be used.
    pub(super) fn open(model: Option<&Path>, reranker: Option<&Path>) -> Result<Self> {
        Ok(Self {
            builtin: Builtin::new(),
            model: model.map(Slow::read).transpose()?,
            reranker: reranker.map(Slow::read).transpose()?,
        })
    }

    /// Which model makes the vectors.
    pub(super) fn identity(&self) -> ModelIdentity {
        self.model.as_ref().map_or_else(|| self.builtin.identity().clone(), Slow::identity)
    }

    /// The vectors of texts to be stored.
    pub(super) fn embed(&self, texts: &[&str]) -> Vec<Embedded> {
        match &self.model {
            Some(model) => {
                let vectors = model.vectors(texts, TextKind::Stored).into_iter();
                vectors.map(|values| Embedded { model: model.identity(), values }).collect()
            }
            None => texts.iter().map(|text| self.builtin.embed(text)).collect(),
        }
    }

    /// A search as the service asks it.
    pub(super) fn query(&self, text: &str, limit: usize) -> SearchQuery {
        let query = self.builtin.query(text, limit);
        let Some(model) = &self.model else { return query };
        let values = model.vectors(&[text], TextKind::Query).remove(0);
        let reader: Arc<dyn Reader> = Arc::new(WordsAlone(self.builtin.clone()));
        let embedded = Some(Embedded { model: model.identity(), values });
        SearchQuery { embedded, reader: Some(reader), ..query }
    }

    /// Searches as the service does, with a second opinion where there is a second model.
    pub(super) fn search(&self, store: &Store, query: &SearchQuery) -> Result<SearchAnswer> {
        let Some(reranker) = &self.reranker else { return Ok(store.search(query)?) };
        let found = store.search(&query.before_rerank())?;
        let text = found.meant.as_deref().unwrap_or(&query.text);
        let asked = reranker.vectors(&[text], TextKind::Query).remove(0);
        let best = found.hits.iter().take(RERANKED_MAX);
        let best: Vec<&str> =
            best.map(|hit| first_tokens(&hit.memory.content, embedding::RERANKED_TOKENS_MAX)).collect();
        let vectors = reranker.vectors(&best, TextKind::Stored);
        let cosine = |vector: &Vec<f32>| vector.iter().zip(&asked).map(|(a, b)| a * b).sum();
        let cosines: Vec<f32> = vectors.iter().map(cosine).collect();
        Ok(store.rerank(query, found, &cosines)?)
    }
}

/// A transformer that remembers what it has read.
#[derive(Debug)]
struct Slow {
    transformer: Transformer,
    known: Mutex<HashMap<(&'static str, String), Vec<f32>>>,
}

impl Slow {
    fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().map_or("model".into(), |name| name.to_string_lossy());
        let transformer = Transformer::read(&name, folder)
            .with_context(|| format!("cannot use the model in {}", folder.display()))?;
        Ok(Self { transformer, known: Mutex::default() })
    }

    fn identity(&self) -> ModelIdentity {
        let identity = self.transformer.identity();
        ModelIdentity {
            name: identity.name.into(),
            revision: identity.revision.into(),
            dimensions: identity.dimensions,
        }
    }

    fn vectors(&self, texts: &[&str], kind: TextKind) -> Vec<Vec<f32>> {
        let key = |text: &str| match kind {
            TextKind::Query => ("query", text.to_owned()),
            TextKind::Stored => ("stored", text.to_owned()),
        };
        let mut new: Vec<&str> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            texts.iter().filter(|text| !known.contains_key(&key(text))).copied().collect()
        };
        new.sort_unstable();
        new.dedup();
        let read = self.read_all(&new, kind);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(new.iter().map(|text| key(text)).zip(read));
        texts.iter().map(|text| known.get(&key(text)).cloned().unwrap_or_default()).collect()
    }

    /// On every core.
    fn read_all(&self, texts: &[&str], kind: TextKind) -> Vec<Vec<f32>> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = texts.len().div_ceil(threads).max(1);
        let never = AtomicBool::new(false);
        let read = |texts: &[&str]| -> Vec<Vec<f32>> {
            let some = texts.chunks(TEXTS_AT_ONCE);
            some.flat_map(|texts| self.transformer.embed(texts, kind, &never).unwrap_or_default()).collect()
        };
        std::thread::scope(|scope| {
            let shares: Vec<_> = texts.chunks(share).map(|texts| scope.spawn(move || read(texts))).collect();
            shares.into_iter().flat_map(|share| share.join().unwrap_or_default()).collect()
        })
    }
}

/// Reads the words of a corrected query, and leaves the vector as it was: a transformer is not asked twice.
#[derive(Debug)]
struct WordsAlone(Builtin);

impl Reader for WordsAlone {
    fn read(&self, text: &str) -> Reading {
        Reading { embedded: None, ..self.0.read(text) }
    }

    fn knows_writing_of(&self, _: &str) -> bool {
        true
    }

    fn is_spelt_right(&self, word: &str) -> bool {
        self.0.is_spelt_right(word)
    }

    fn spellings(&self, word: &str) -> Vec<Spelling> {
        self.0.spellings(word)
    }
}
