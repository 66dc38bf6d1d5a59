//! Why a backup, a restore or a rehearsal did not work, in words that say what to do.

use api::ErrorCode;
use backup::BackupError;
use control::ControlError;
use engine::EngineError;
use fleet::FleetError;

use crate::operations::Failure;

/// Why a backup, a restore or a rehearsal did not work.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The vault, what is in it, or its keys.
    #[error(transparent)]
    Vault(#[from] BackupError),
    /// The tenant's store.
    #[error(transparent)]
    Store(#[from] FleetError),
    /// The control plane.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// It makes no sense, or is not allowed.
    #[error("{0}")]
    Refused(String),
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Store(FleetError::Engine(error))
    }
}

impl Trouble {
    /// The row of the error table it belongs to.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Refused(message) => Failure::Coded(ErrorCode::InvalidRequest, message),
            Self::Store(error) => error.into(),
            Self::Control(error) => error.into(),
            Self::Vault(error) => Failure::Coded(ErrorCode::Unavailable, error.to_string()),
        }
    }
}
