//! What can go wrong in a store, told as what the caller can do about it.

use std::fmt;

use crate::{Bound, MemoryId};

/// One thing that is wrong with a request: where, and which rule it breaks. Safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the value, such as `tags[3]` or `filters.importance`.
    pub field: String,
    /// The rule it breaks, as a sentence fragment: `must not be blank`.
    pub message: String,
}

impl Problem {
    /// Names a field and the rule it breaks.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// The same problem, one level further in: `[3].content` of `memories`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        let joint = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{parent}{joint}{}", self.field);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.message)
    }
}

/// Why a store refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The request breaks rules; all of them are listed. Nothing was written.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// No such memory (or it has expired).
    #[error("there is no memory {0}")]
    MemoryNotFound(MemoryId),
    /// The memory has no such version.
    #[error("memory {id} has no version {version}")]
    VersionNotFound {
        /// The memory.
        id: MemoryId,
        /// The version asked for.
        version: i64,
    },
    /// The caller changed a version that is no longer the newest: read again, then decide.
    #[error("memory {id} is at version {current}, not {expected}")]
    VersionConflict {
        /// The memory.
        id: MemoryId,
        /// The version the caller knew.
        expected: i64,
        /// The version it is at.
        current: i64,
    },
    /// Another memory of the workspace has this `custom_id`.
    #[error("custom_id {custom_id:?} belongs to memory {holder}")]
    CustomIdTaken {
        /// The key both want.
        custom_id: String,
        /// The memory that has it.
        holder: MemoryId,
    },
    /// The idempotency key was used before with another request.
    #[error("this idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The write would go beyond a bound it was given; nothing was written. Delete something, or raise the bound.
    #[error("the store holds {current} of at most {limit} {}", .what.name())]
    BoundReached {
        /// Which bound.
        what: Bound,
        /// How much there was before the write.
        current: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The disk is full or failing.
    #[error("the disk refused: {0}")]
    Disk(String),
    /// The file is no store of ours, or it is damaged.
    #[error("the file is damaged or foreign: {0}")]
    Damaged(String),
    /// The file was written by a newer program, and this one may not touch it.
    #[error(
        "the store has schema version {found}, which takes an engram that knows version {needed}; this one knows {known}"
    )]
    NewerSchema {
        /// Version of the file.
        found: i64,
        /// Version that a program must know to work on it.
        needed: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// A read took longer than it may.
    #[error("the read took longer than its deadline")]
    DeadlineExceeded,
    /// A defect of ours; the text is for the log.
    #[error("internal error: {0}")]
    Internal(String),
}

fn list(problems: &[Problem]) -> String {
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

impl From<rusqlite::Error> for EngineError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen,
            ) => Self::Disk(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::OperationInterrupted) => Self::DeadlineExceeded,
            _ => Self::Internal(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_place() {
        let problem = Problem::new("content", "must not be blank").within("[3]").within("memories");
        assert_eq!(problem.to_string(), "memories[3].content must not be blank");
        assert_eq!(Problem::new("", "must be an object").within("filters").field, "filters");
    }
}
