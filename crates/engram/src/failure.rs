//! How a command fails: one line that says what to do, and an exit code.

use std::fmt;

/// What the shell gets to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// The service refused, or the command could not do its work.
    Refused = 1,
    /// The command line is wrong (clap exits with the same).
    Usage = 2,
    /// No service and no data folder could be reached.
    Unreachable = 3,
}

/// Why a command failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    code: ExitCode,
    message: String,
}

impl Failure {
    /// The service refused, or the work could not be done.
    pub(crate) fn refused(message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Refused, message)
    }

    /// The command line asks for something that cannot be.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// Nobody answers, or the folder cannot be used.
    pub(crate) fn unreachable(message: impl fmt::Display) -> Self {
        Self::new(ExitCode::Unreachable, message)
    }

    /// What the shell gets to know.
    pub(crate) fn code(&self) -> ExitCode {
        self.code
    }

    fn new(code: ExitCode, message: impl fmt::Display) -> Self {
        // One line, whatever the cause had to say.
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { code, message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::refused(format!("{error:#}"))
    }
}

impl From<server::ownership::OwnershipError> for Failure {
    fn from(error: server::ownership::OwnershipError) -> Self {
        Self::unreachable(error)
    }
}
