//! Why the control plane refused or failed, by what the caller can do about it.

use tenancy::Environment;

use crate::Spent;

/// What went wrong; the text of every variant but [`Unavailable`](Self::Unavailable) is safe to show.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The name is taken; choose another.
    #[error("{what} {name:?} exists already")]
    Conflict {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Nothing has that name.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// A tenant must keep an owner; make somebody else one first.
    #[error("this is the tenant's last owner; make somebody else an owner first")]
    LastOwner,
    /// The invite opens nothing any more; ask for another.
    #[error("this invite is {}; ask for another", .why.as_str())]
    InviteSpent {
        /// What became of it.
        why: Spent,
    },
    /// An import needs a control plane in which nobody has done anything yet; choose another data folder or database.
    #[error("this control plane is not empty: it has rows of {table}; an import needs an empty one")]
    NotEmpty {
        /// A table with rows.
        table: &'static str,
    },
    /// What should be an export of a control plane is none that can be imported; nothing was.
    #[error("nothing is imported; line {line} of the export: {why}")]
    BadExport {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// An export could not be written or read.
    #[error("cannot {deed} the export: {error}")]
    Io {
        /// `read` or `write`.
        deed: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The value breaks a rule of the control plane.
    #[error("{0}")]
    Invalid(String),
    /// It was written by a newer version, and this one may not touch it; start that version.
    #[error(
        "the control plane has schema version {found}, which takes an engram that knows version {needed}; this one knows {known}"
    )]
    NewerSchema {
        /// Version in the database.
        found: i64,
        /// Version that a program must know to work on it.
        needed: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The schema is older than this program and is not brought up to date by itself here.
    #[error(
        "the control plane has schema version {found}, this program needs {known}; run `engram control migrate`"
    )]
    OlderSchema {
        /// Version in the database.
        found: i64,
        /// Version this program needs.
        known: i64,
    },
    /// The file is somebody else's; point at another data folder.
    #[error("{path} is not an Engram control plane; choose another data folder")]
    NotOurs {
        /// The file.
        path: String,
    },
    /// The database belongs to another environment; nothing was changed.
    #[error(
        "the control plane is stamped {stamped:?} and this service runs as {asked:?}; use --env {stamped} or another data folder"
    )]
    WrongEnvironment {
        /// The stamp in the database.
        stamped: String,
        /// The environment the service was started in.
        asked: &'static str,
    },
    /// The linked SQLite may lose commits.
    #[error("SQLite {found} is linked in; versions before 3.51.3 can lose commits when the WAL is reset")]
    UntrustedSqlite {
        /// Version in use.
        found: &'static str,
    },
    /// The database did not answer; try again.
    #[error("the control plane does not answer: {0}")]
    Unavailable(String),
}

impl ControlError {
    pub(crate) fn worker(error: tokio::task::JoinError) -> Self {
        Self::Unavailable(error.to_string())
    }

    pub(crate) fn wrong_environment(stamped: String, asked: Environment) -> Self {
        Self::WrongEnvironment { stamped, asked: asked.as_str() }
    }

    /// Whether a second try may succeed without anybody changing the request.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<rusqlite::Error> for ControlError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
