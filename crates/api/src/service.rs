//! What the service says of itself and of what a tenant has stored.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The process is alive.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
}

/// Whether the service wants traffic.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Readiness {
    /// `ready` or `not_ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
    /// What was looked at.
    pub checks: Vec<ReadinessCheck>,
}

/// One thing that readiness depends on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadinessCheck {
    /// Its name, such as `usage_spool`.
    pub name: &'static str,
    /// `ok`, `degraded` (told, but no reason to send traffic away) or `failing`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// What is wrong, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a tenant has stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Stats {
    /// Memories that have not expired.
    pub memories: u64,
    /// Memories that are found by words alone until they are embedded.
    pub pending_embeddings: u64,
    /// Workspaces.
    pub workspaces: u64,
    /// Memories of each kind, most first.
    pub by_kind: Vec<KindCount>,
    /// Bytes of the database file.
    pub storage_bytes: u64,
    /// When the oldest memory was stored.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<Timestamp>,
    /// When the newest memory was stored.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub newest: Option<Timestamp>,
    /// The model whose vectors are in use.
    #[schema(example = "static-minilm256-i8")]
    pub embedding_model: Option<String>,
}

/// How many memories of one kind.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// Every workspace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkspaceList {
    /// The workspaces.
    pub items: Vec<Workspace>,
}

/// One workspace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Workspace {
    /// Its name.
    #[schema(example = "default")]
    pub name: String,
    /// Memories in it.
    pub memories: u64,
    /// When it was first used.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}
