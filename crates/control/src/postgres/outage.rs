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

    /// Whether nothing can have been done yet.
    pub(super) fn is_lost_before_commit(&self) -> bool {
        !matches!(self, Self::AtCommit(_)) && self.is_lost_connection()
    }

    fn is_outage(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Sql(_) | Self::AtCommit(_) => self.is_lost_connection(),
            Self::Pool(_) | Self::Late => true,
        }
    }
}

/// Whether the connection is gone, or the server is going.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else { return true };
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
            trouble @ (Trouble::Sql(_) | Trouble::AtCommit(_) | Trouble::Pool(_) | Trouble::Late) => {
                Self::Unavailable(trouble.to_string())
            }
        }
    }
}
