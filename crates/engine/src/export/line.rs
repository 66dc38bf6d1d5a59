//! The lines of an export: one JSON object each, named by its only key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Problem;
use crate::memory::{EmbeddingState, Memory, MemoryId, NewMemory, RevisionChange, Tier};

/// Version of the lines; a field more is a version more, so that none is ever ignored.
pub(crate) const FORMAT: u32 = 1;

/// Highest id and version of a line: beyond it JSON readers of other languages lose digits, and later ids need room.
pub(crate) const ID_MAX: MemoryId = (1 << 53) - 1;

/// One line. The header comes first, then the workspaces, then each memory followed by its earlier versions, and the
/// totals last: a file that was cut off has none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Export(Header),
    Workspace(Workspace),
    Memory(Box<Kept>),
    Earlier(Box<Version>),
    End(Totals),
}

/// What the whole is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) schema_version: i64,
    pub(crate) exported_at: Timestamp,
    /// The highest memory id that was ever given out; no line has a higher one.
    pub(crate) ids_handed_out: MemoryId,
}

/// A workspace, empty ones too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Workspace {
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

/// A memory as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) current: Version,
    /// Where it starts in its session, in words; decides who its neighbours are.
    #[serde(default)]
    pub(crate) position: u32,
}

/// How many lines of each kind there were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Totals {
    pub(crate) memories: u64,
    pub(crate) earlier_versions: u64,
    /// Memories that a damaged file still named, and that could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lost: Vec<MemoryId>,
}

/// One version of a memory. Its vector does not travel: whoever reads it makes one of its own model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) id: MemoryId,
    pub(crate) version: i64,
    /// What made this version.
    pub(crate) change: RevisionChange,
    pub(crate) content: String,
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    pub(crate) importance: f64,
    pub(crate) workspace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<String>,
    pub(crate) tier: Tier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) valid_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) valid_to: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) superseded_by: Option<MemoryId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_id: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Version {
    pub(crate) fn of(memory: Memory, change: RevisionChange) -> Self {
        Self {
            id: memory.id,
            version: memory.version,
            change,
            content: memory.content,
            kind: memory.kind,
            tags: memory.tags,
            metadata: memory.metadata,
            importance: memory.importance,
            workspace: memory.workspace,
            user_id: memory.user_id,
            agent_id: memory.agent_id,
            session_id: memory.session_id,
            actor: memory.actor,
            tier: memory.tier,
            expires_at: memory.expires_at,
            event_time: memory.event_time,
            valid_from: memory.valid_from,
            valid_to: memory.valid_to,
            superseded_by: memory.superseded_by,
            custom_id: memory.custom_id,
            created_at: memory.created_at,
            updated_at: memory.updated_at,
        }
    }

    pub(crate) fn into_memory(self) -> Memory {
        Memory {
            id: self.id,
            content: self.content,
            kind: self.kind,
            tags: self.tags,
            metadata: self.metadata,
            importance: self.importance,
            workspace: self.workspace,
            user_id: self.user_id,
            agent_id: self.agent_id,
            session_id: self.session_id,
            actor: self.actor,
            tier: self.tier,
            expires_at: self.expires_at,
            event_time: self.event_time,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            superseded_by: self.superseded_by,
            custom_id: self.custom_id,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            embedding: EmbeddingState::Pending,
        }
    }

    /// Every rule it breaks: those of what a caller gives, and those a store keeps by itself. An expiry is not compared
    /// with the present: earlier versions may have expired long ago.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.draft().problems(Timestamp::MIN);
        if !(1..=ID_MAX).contains(&self.version) {
            problems.push(Problem::new("version", format!("must be between 1 and {ID_MAX}")));
        }
        if self.tier == Tier::Daily && self.expires_at.is_none() {
            problems.push(Problem::new("expires_at", "must be there when tier is daily"));
        }
        if self.superseded_by == Some(self.id) {
            problems.push(Problem::new("superseded_by", "must not be the memory itself"));
        }
        problems
    }

    fn draft(&self) -> NewMemory {
        NewMemory {
            content: self.content.clone(),
            kind: Some(self.kind.clone()),
            tags: self.tags.clone(),
            metadata: self.metadata.clone(),
            importance: Some(self.importance),
            workspace: Some(self.workspace.clone()),
            user_id: self.user_id.clone(),
            agent_id: self.agent_id.clone(),
            session_id: self.session_id.clone(),
            actor: self.actor.clone(),
            tier: Some(self.tier),
            expires_at: self.expires_at,
            event_time: self.event_time,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            superseded_by: self.superseded_by,
            custom_id: self.custom_id.clone(),
        }
    }
}
