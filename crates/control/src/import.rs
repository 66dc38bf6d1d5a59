//! An export, read into an empty control plane: all of it or nothing.

mod incoming;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::io::BufRead;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::export::Transferred;
use crate::{Actor, Backend, Control, ControlError};
use incoming::Incoming;

/// What to do with an export of another environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherEnvironment {
    /// Refuse it.
    Refuse,
    /// Take it; the control plane keeps its own stamp.
    Accept,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// When the export was begun.
    pub exported_at: Timestamp,
    /// The stamp of the control plane that was exported.
    pub environment: String,
    /// Its rows.
    pub transferred: Transferred,
}

impl Control {
    /// Reads an export into this control plane, which must be as it was when it was set up, in one transaction; a last
    /// row of the audit log tells of it. Holds a few thousand rows at most. `on_progress` hears after each batch how
    /// much there was.
    ///
    /// # Errors
    /// [`ControlError::NotEmpty`], [`ControlError::BadExport`] for one that is cut off, damaged, newer than this
    /// program or, unless `other` accepts that, of another environment; [`ControlError::Io`] when the source fails;
    /// [`ControlError::Unavailable`]. Nothing is imported then.
    pub async fn import<R, P>(
        &self,
        source: R,
        other: OtherEnvironment,
        by: &Actor,
        on_progress: P,
    ) -> Result<Imported, ControlError>
    where
        R: BufRead + Send + 'static,
        P: FnMut(&Transferred) + Send + 'static,
    {
        let incoming = tokio::task::spawn_blocking(move || Incoming::open(source, on_progress)).await;
        let incoming = incoming.map_err(ControlError::worker)??;
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                database.write(move |deed| sqlite::import(deed, incoming, other, &by)).await
            }
            Backend::Postgres(database) => postgres::import(database, incoming, other, by).await,
        }
    }
}

impl OtherEnvironment {
    fn check(self, exported: &str, own: &str) -> Result<(), ControlError> {
        if exported == own || self == Self::Accept {
            return Ok(());
        }
        let why = format!("it is of an environment {exported:?}, and this control plane is {own:?}");
        Err(ControlError::BadExport { line: 1, why })
    }
}

impl Imported {
    /// What the audit log says of it.
    fn details(&self) -> Value {
        json!({
            "environment": self.environment,
            "exported_at": self.exported_at,
            "rows": self.transferred.rows,
        })
    }
}

/// What an import is called in the audit log, and what it changes.
const ACTION: &str = "import_control_plane";
const TARGET: &str = "control";
