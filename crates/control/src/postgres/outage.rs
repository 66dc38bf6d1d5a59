//! What can go wrong on the way to the server, and the breaker that answers for it while it is away.

use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_postgres::PoolError;
use tokio::sync::Notify;
use tokio_postgres::error::SqlState;

use crate::ControlError;

/// What a statement gives back.
pub(crate) type Answer<T> = Result<T, Trouble>;

/// Why a statement gave nothing back.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The control plane refuses; the server is well.
    Refused(ControlError),
    /// The server or the connection.
    Sql(tokio_postgres::Error),
    /// The same, with COMMIT already on its way.
    AtCommit(tokio_postgres::Error),
    /// No connection could be had.
    Pool(PoolError),
    /// It took too long.
    Late,
}

/// Whether the server is believed to be away. While it is, nobody waits for it; the follower finds out when it is
/// back.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    away: AtomicBool,
    pub(super) noticed: Notify,
}

impl Outage {
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// # Errors
    /// [`ControlError::Unavailable`] while the server is away.
    pub(super) fn refuse_while_away(&self) -> Result<(), ControlError> {
        if self.is_away() {
            return Err(ControlError::Unavailable("PostgreSQL is away".to_owned()));
        }
        Ok(())
    }

    pub(super) fn is_back(&self) {
        if self.away.swap(false, Ordering::AcqRel) {
            tracing::info!("the control plane answers again");
        }
    }

    /// Learns from an answer, and makes it the caller's.
    pub(super) fn judge<T>(&self, answer: Answer<T>) -> Result<T, ControlError> {
        answer.map_err(|trouble| {
            if trouble.is_outage() && !self.away.swap(true, Ordering::AcqRel) {
                tracing::warn!(%trouble, "the control plane does not answer");
                self.noticed.notify_one();
            }
            trouble.into()
        })
    }
}

impl Trouble {
    /// Whether another connection may do better.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Sql(error) | Self::AtCommit(error) => is_lost(error),
            Self::Pool(PoolError::Backend(error)) => is_lost(error),
            Self::Pool(_) | Self::Refused(_) | Self::Late => false,
        }
    }

    /// Whether nothing was done, and another try may do it: the connection was dead, or the server has undone the
    /// transaction because two waited for each other.
    pub(super) fn may_be_tried_again(&self) -> bool {
        match self {
            Self::Sql(error) => is_lost(error) || is_undone(error),
            Self::Pool(_) => self.is_lost_connection(),
            Self::Refused(_) | Self::AtCommit(_) | Self::Late => false,
        }
    }

    /// Whether the server is away, and not just one connection that has had its last word with COMMIT.
    fn is_outage(&self) -> bool {
        match self {
            Self::Refused(_) | Self::AtCommit(_) => false,
            Self::Sql(_) => self.is_lost_connection(),
            Self::Pool(_) | Self::Late => true,
        }
    }
}

/// Whether the connection is gone, or the server is going.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else {
        let cause = std::error::Error::source(error);
        return error.is_closed() || cause.is_some_and(|cause| cause.is::<std::io::Error>());
    };
    state.code().starts_with("08")
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::IDLE_SESSION_TIMEOUT,
        ]
        .contains(state)
}

fn is_undone(error: &tokio_postgres::Error) -> bool {
    [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE]
        .iter()
        .any(|s| error.code() == Some(s))
}

/// Whether a text holds the one character that PostgreSQL cannot store.
fn is_text_with_nul(error: &tokio_postgres::Error) -> bool {
    [SqlState::CHARACTER_NOT_IN_REPERTOIRE, SqlState::UNTRANSLATABLE_CHARACTER]
        .iter()
        .any(|s| error.code() == Some(s))
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Sql(error) | Self::AtCommit(error) => told(error).fmt(f),
            Self::Pool(PoolError::Backend(error)) => told(error).fmt(f),
            Self::Pool(error) => error.fmt(f),
            Self::Late => f.write_str("it took too long"),
        }
    }
}

/// An error of the driver and what is behind it; the driver's own text says only where.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        // Hosted databases have certificates that systems know; those of one's own often do not.
        Some(source) if source.is::<std::io::Error>() && source.to_string().contains("peer certificate") => {
            format!("{error}: {source}; name the certificate that signed it with sslrootcert=FILE in the URL")
        }
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<ControlError> for Trouble {
    fn from(error: ControlError) -> Self {
        Self::Refused(error)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<PoolError> for Trouble {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<Trouble> for ControlError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(error) => error,
            Trouble::Sql(error) if is_text_with_nul(&error) => {
                Self::Invalid("a text must not hold the character NUL".to_owned())
            }
            trouble @ (Trouble::Sql(_) | Trouble::AtCommit(_) | Trouble::Pool(_) | Trouble::Late) => {
                Self::Unavailable(trouble.to_string())
            }
        }
    }
}
