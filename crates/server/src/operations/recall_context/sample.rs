//! Memories for the tests of packing.

use engine::{EmbeddingState, Hit, Memory, Tier};
use jiff::Timestamp;

pub(super) fn memory(id: i64, content: &str) -> Memory {
    Memory {
        id,
        content: content.to_owned(),
        kind: "note".to_owned(),
        tags: Vec::new(),
        metadata: serde_json::Map::new(),
        importance: 0.5,
        workspace: "default".to_owned(),
        user_id: None,
        agent_id: None,
        session_id: None,
        actor: None,
        tier: Tier::Permanent,
        expires_at: None,
        event_time: None,
        valid_from: None,
        valid_to: None,
        superseded_by: None,
        custom_id: None,
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        embedding: EmbeddingState::Ready,
    }
}

pub(super) fn hit(id: i64, content: &str) -> Hit {
    Hit { memory: memory(id, content), raw: 8.0, score: 0.8, explanation: None }
}
