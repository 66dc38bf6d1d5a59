//! What can go wrong, by what the caller can do about it.
//!
//! No error carries a text that was to be embedded, nor words of the endpoint that might repeat one.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::hub::HubError;
use crate::table::TableError;
use crate::transformer::ModelFlaw;
use crate::vocabulary::VocabularyError;

/// Why texts have no vectors (yet).
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EmbedError {
    /// The endpoint is away, overloaded or too slow. Go on without vectors, and try again later.
    #[error("the embedding endpoint is unavailable: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
        /// When trying again makes sense, if that is known.
        retry_after: Option<Duration>,
    },
    /// The endpoint refuses us whatever the text. Somebody must mend URL, key or model name.
    #[error("the embedding endpoint refuses this configuration (HTTP {status}{})", code_in_words(.code.as_deref()))]
    Misconfigured {
        /// HTTP status.
        status: u16,
        /// The endpoint's error code, if it gave one.
        code: Option<String>,
    },
    /// The endpoint refuses at least one of these texts. Try them one by one, or leave them without vectors.
    #[error("the embedding endpoint refuses these texts (HTTP {status}{})", code_in_words(.code.as_deref()))]
    TextsRefused {
        /// HTTP status.
        status: u16,
        /// The endpoint's error code, if it gave one.
        code: Option<String>,
    },
    /// The local model had more to do than time. Go on without vectors, and try again later.
    #[error("the local model did not answer within {} ms", after.as_millis())]
    TooSlow {
        /// The time it had.
        after: Duration,
    },
    /// The local model ended without an answer, which is a defect.
    #[error("the local model failed")]
    Failed,
    /// The endpoint answered something that cannot be used. Trying again helps only after it was mended.
    #[error("the embedding endpoint's answer cannot be used: {0}")]
    BadAnswer(AnswerFlaw),
}

impl EmbedError {
    /// When trying the same texts again makes sense, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Misconfigured { .. }
            | Self::TextsRefused { .. }
            | Self::TooSlow { .. }
            | Self::Failed
            | Self::BadAnswer(_) => None,
        }
    }

    /// A stable word for metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Misconfigured { .. } => "misconfigured",
            Self::TextsRefused { .. } => "texts_refused",
            Self::TooSlow { .. } => "too_slow",
            Self::Failed => "failed",
            Self::BadAnswer(_) => "bad_answer",
        }
    }
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerFlaw {
    /// Not JSON of the expected shape (which includes `NaN` and `null` among the numbers).
    #[error("it is not the expected JSON")]
    NotTheShape,
    /// More bytes than any honest answer has.
    #[error("it has more than {bytes_max} bytes")]
    TooLarge {
        /// The most that is read.
        bytes_max: usize,
    },
    /// Not one vector per text.
    #[error("it has {got} vectors for {expected} texts")]
    Count {
        /// Texts sent.
        expected: usize,
        /// Vectors received.
        got: usize,
    },
    /// The `index` fields do not name each text once.
    #[error("its indexes do not name each text once")]
    Indexes,
    /// Vectors of another length than before, or than configured.
    #[error("its vectors have {got} dimensions where {expected} are expected")]
    Dimensions {
        /// What was configured or learnt.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// Numbers too large for `f32`.
    #[error("it has a number that is not finite")]
    NotFinite,
}

/// Why a provider cannot be set up.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A file of a static model cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The table is damaged.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The vocabulary is damaged.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The table was made for another vocabulary.
    #[error("the table has {rows} rows and the vocabulary {lines} lines: they do not belong together")]
    NotAPair {
        /// Rows of the table.
        rows: usize,
        /// Lines of the vocabulary.
        lines: usize,
    },
    /// The model could not be brought from its hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The model in a folder cannot be used.
    #[error("the model in {folder} cannot be used: {flaw}", folder = folder.display())]
    Model {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, and what to do.
        flaw: ModelFlaw,
    },
    /// A setting of the remote endpoint that cannot work.
    #[error("the embedding endpoint's {setting} {problem}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

fn code_in_words(code: Option<&str>) -> String {
    code.map(|code| format!(", {code}")).unwrap_or_default()
}
