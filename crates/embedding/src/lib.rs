//! Text in, vectors out: the built-in static model, a static model from files, a transformer run here, or any
//! OpenAI-compatible endpoint, behind one [`Embedding`].
//!
//! This crate knows no tenant, no store and no server, reads no environment and logs no text. Every vector
//! it hands out has unit length (or is all zero, for text with nothing the model knows), and the model
//! that made it has a [`ModelIdentity`], which is stored beside the vector so that vectors of two models
//! are never compared.

mod config;
mod embedder;
mod error;
mod hub;
mod identity;
mod local;
mod near_words;
mod query_cache;
mod remote;
mod reranker;
mod spelling;
mod static_model;
mod table;
mod token_estimate;
mod transformer;
mod unit;
mod vocabulary;
mod wordpiece;
mod writing;

pub use config::{ApiKey, EmbeddingConfig, LocalConfig, RemoteConfig};
pub use embedder::Embedding;
pub use error::{AnswerFlaw, EmbedError, OpenError};
pub use hub::{HUB_URL, HubError, HubModel};
pub use identity::ModelIdentity;
pub use local::LocalModel;
pub use near_words::{NearWord, near_words};
pub use remote::{Health, RemoteModel, TEXTS_PER_CALL_MAX};
pub use reranker::{RERANKED_TOKENS_MAX, Reranker};
pub use spelling::{Spelling, is_spelt_right, spellings};
pub use static_model::{PIECES_COUNTED_MAX, StaticModel};
pub use table::{Table, TableError};
pub use token_estimate::{estimate_tokens, first_tokens};
pub use transformer::{ModelFlaw, TextKind, Transformer, WINDOWS_MAX};
pub use vocabulary::{Vocabulary, VocabularyError};
pub use wordpiece::{Accents, Case, WORD_CHARS_MAX, WordPiece};
pub use writing::is_latin;
