//! The checks of the playbook on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every check found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// In the order of the playbook.
    pub checks: Vec<Check>,
}

/// What one check found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What was looked at.
    #[schema(example = "disk_space")]
    pub name: String,
    /// `ok`, `warn` (somebody should look) or `fail` (something does not work).
    #[schema(example = "ok")]
    pub status: String,
    /// What was found, in one sentence.
    pub detail: String,
    /// The page that says what to do.
    #[schema(example = "docs/runbooks/disk_space.md")]
    pub runbook: String,
}
