//! Memories on the wire: what is sent to store or change them, and what comes back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Memory {
    /// Small, increasing, never reused.
    #[schema(example = 1, minimum = 1)]
    pub id: i64,
    /// The text.
    #[schema(example = "Anna prefers tea to coffee.")]
    pub content: String,
    /// What it is: `note`, `fact`, `preference`, `decision`, `todo`, `event`, or a word of your own.
    #[schema(example = "preference")]
    pub kind: String,
    /// Labels.
    pub tags: Vec<String>,
    /// Your own JSON object.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// 0 (trivial) to 1 (vital).
    #[schema(minimum = 0, maximum = 1)]
    pub importance: f64,
    /// The workspace it lives in.
    #[schema(example = "default")]
    pub workspace: String,
    /// The user it is about or for.
    pub user_id: Option<String>,
    /// The agent that keeps it.
    pub agent_id: Option<String>,
    /// The session it came from.
    pub session_id: Option<String>,
    /// Who said or did it.
    pub actor: Option<String>,
    /// `permanent` or `daily`.
    #[schema(example = "permanent")]
    pub tier: String,
    /// When it stops existing.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When what it tells of happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub event_time: Option<Timestamp>,
    /// From when on it is true.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    /// Until when it is true.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<Timestamp>,
    /// The memory that replaced it.
    pub superseded_by: Option<i64>,
    /// Your own key, unique in its workspace.
    pub custom_id: Option<String>,
    /// 1 when created, one more with every change.
    #[schema(minimum = 1)]
    pub version: i64,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// `ready`, or `pending` while it is found by words alone.
    #[schema(example = "ready")]
    pub embedding: String,
}

/// A memory to store; only `content` is needed. A known `custom_id` updates instead of creating.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CreateMemory {
    /// The text: not blank, at most 64 KiB.
    #[schema(example = "Anna prefers tea to coffee.", min_length = 1)]
    pub content: String,
    /// `note` unless said; letters, digits, `_` and `-`.
    #[schema(pattern = "^[a-z0-9_-]{1,32}$")]
    pub kind: Option<String>,
    /// At most 32 labels of 64 characters.
    #[schema(max_items = 32)]
    pub tags: Option<Vec<String>>,
    /// Your own JSON object, at most 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// 0 to 1; 0.5 unless said.
    #[schema(minimum = 0, maximum = 1)]
    pub importance: Option<f64>,
    /// `default` unless said; made on first use.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub workspace: Option<String>,
    /// The user it is about or for.
    #[schema(max_length = 256)]
    pub user_id: Option<String>,
    /// The agent that keeps it.
    #[schema(max_length = 256)]
    pub agent_id: Option<String>,
    /// The session it came from.
    #[schema(max_length = 256)]
    pub session_id: Option<String>,
    /// Who said or did it.
    #[schema(max_length = 256)]
    pub actor: Option<String>,
    /// `permanent` (never expires) or `daily` (24 hours unless `expires_at` says otherwise).
    #[schema(pattern = "^(permanent|daily)$")]
    pub tier: Option<String>,
    /// When it stops existing; in the future.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When what it tells of happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub event_time: Option<Timestamp>,
    /// From when on it is true.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    /// Until when it is true.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<Timestamp>,
    /// The memory that replaced it.
    pub superseded_by: Option<i64>,
    /// Your own key, unique in its workspace.
    #[schema(max_length = 256)]
    pub custom_id: Option<String>,
}

/// Up to 1,000 memories, stored all or none.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CreateMemoryBatch {
    /// The memories.
    #[schema(min_items = 1, max_items = 1000)]
    pub memories: Vec<CreateMemory>,
}

/// Changes to a memory: an absent field stays, `null` clears.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct UpdateMemory {
    /// New text; cannot be cleared.
    #[schema(min_length = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Cleared it is `note` again.
    #[schema(pattern = "^[a-z0-9_-]{1,32}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Replaces all labels.
    #[schema(max_items = 32)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Replaces the whole object.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Cleared it is 0.5 again.
    #[schema(minimum = 0, maximum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<f64>,
    /// Moves the memory; cleared it moves to `default`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The user it is about or for.
    #[schema(max_length = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The agent that keeps it.
    #[schema(max_length = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The session it came from.
    #[schema(max_length = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Who said or did it.
    #[schema(max_length = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// `permanent` clears the expiry.
    #[schema(pattern = "^(permanent|daily)$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Cleared, the memory becomes permanent.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When what it tells of happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<Timestamp>,
    /// From when on it is true.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Until when it is true.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
    /// The memory that replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<i64>,
    /// Your own key, unique in its workspace.
    #[schema(max_length = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<String>,
    /// The version you know; another one is a 409 and nothing changes.
    #[schema(minimum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Which memories to delete.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct DeleteMemories {
    /// The filter; an empty object matches everything.
    #[schema(value_type = Object)]
    pub filters: Map<String, Value>,
    /// Only this workspace; all of them when absent.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub workspace: Option<String>,
    /// Only tell what would be deleted.
    pub dry_run: Option<bool>,
    /// Keep them away from every restore, too.
    pub erase: Option<bool>,
}

/// What was deleted, or would be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeletedMemories {
    /// How many memories.
    pub count: u64,
    /// Their ids, at most 1,000 of them.
    pub ids: Vec<i64>,
    /// Whether this was a dry run, and nothing was deleted.
    pub dry_run: bool,
}

/// Which version to bring back.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RevertMemory {
    /// The version to bring back, as a new version.
    #[schema(minimum = 1)]
    pub to_version: i64,
    /// The version you know; another one is a 409 and nothing changes.
    #[schema(minimum = 1)]
    pub version: Option<i64>,
}

/// Memories that were stored, in the order they were sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemoryList {
    /// The memories.
    pub items: Vec<Memory>,
}

/// One page of memories.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemoryPage {
    /// The memories.
    pub items: Vec<Memory>,
    /// `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// One version of a memory.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemoryRevision {
    /// Its number.
    pub version: i64,
    /// What made it: `created`, `updated` or `reverted`.
    #[schema(example = "updated")]
    pub change: String,
    /// The memory as it was.
    pub memory: Memory,
}

/// Every version of a memory, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemoryHistory {
    /// The versions.
    pub items: Vec<MemoryRevision>,
}
