//! Why a folder's model cannot be used, and what to do about it.

use thiserror::Error;

use crate::vocabulary::VocabularyError;

/// What is wrong with a model's folder.
#[derive(Debug, Error)]
pub enum ModelFlaw {
    /// The folder itself is not there.
    #[error(
        "there is no such folder: give the path of a sentence-transformers folder, or a hub name (org/name)"
    )]
    NoFolder,
    /// A file that every such folder has is not there.
    #[error(
        "{file} is missing: the folder must hold config.json, model.safetensors and tokenizer.json or vocab.txt"
    )]
    Missing {
        /// Which one.
        file: String,
    },
    /// A file cannot be read.
    #[error("cannot read {file}: {error}")]
    Unreadable {
        /// Which one.
        file: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file does not hold what its name promises.
    #[error("{file} is damaged or of another kind ({error}): copy the folder again")]
    NotTheShape {
        /// Which one.
        file: String,
        /// What the parser says.
        error: String,
    },
    /// A value of `config.json` that cannot be used.
    #[error("config.json: {name} {problem}")]
    Config {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A step after the encoder that is not known here.
    #[error(
        "modules.json names a step {kind}, which would change the vectors and is not read here; choose a model of Transformer, Pooling and Normalize alone"
    )]
    Module {
        /// Its kind.
        kind: String,
    },
    /// Pooling by something else than one of mean, first and largest.
    #[error("its pooling is not one of mean, cls or max: choose another model")]
    Pooling,
    /// The pooling was made for another encoder.
    #[error(
        "its pooling expects {pooled} dimensions and its encoder has {width}: the files do not belong together, copy the folder again"
    )]
    Width {
        /// What the pooling says.
        pooled: usize,
        /// What the encoder has.
        width: usize,
    },
    /// The tokenizer is of another kind.
    #[error("its tokenizer {problem}")]
    Tokenizer {
        /// What is wrong with it.
        problem: String,
    },
    /// The vocabulary is damaged.
    #[error("its vocabulary cannot be used: {0}")]
    Vocabulary(VocabularyError),
    /// The vocabulary was made for another encoder.
    #[error(
        "its vocabulary has {pieces} pieces and its encoder {rows} rows: the files do not belong together, copy the folder again"
    )]
    NotAPair {
        /// Pieces of the vocabulary.
        pieces: usize,
        /// Rows of the encoder.
        rows: usize,
    },
    /// A part of the weights is missing or of another shape.
    #[error(
        "model.safetensors: {name} {problem}; the file is damaged or belongs to another config.json, copy the folder again"
    )]
    Weights {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The model is not of the width that was asked for.
    #[error(
        "its vectors have {width} dimensions and embedding.dimensions says {wanted}: correct one of the two"
    )]
    Dimensions {
        /// What was asked for.
        wanted: usize,
        /// What the model has.
        width: usize,
    },
}

impl ModelFlaw {
    pub(super) fn config(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Config { name, problem: problem.into() }
    }

    pub(super) fn tokenizer(problem: impl Into<String>) -> Self {
        Self::Tokenizer { problem: problem.into() }
    }

    pub(super) fn weights(name: &str, problem: impl Into<String>) -> Self {
        Self::Weights { name: name.to_owned(), problem: problem.into() }
    }
}
