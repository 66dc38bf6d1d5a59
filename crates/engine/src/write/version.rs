//! What a memory says next: a draft with every default in place, or an old version with a patch on top.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::error::{EngineError, Problem};
use crate::memory::{
    Change, DAILY_LIFETIME_MS, EmbeddingState, Memory, MemoryPatch, NewMemory, Tier, normal_workspace,
};

const WORKSPACE_DEFAULT: &str = "default";
const KIND_DEFAULT: &str = "note";
const IMPORTANCE_DEFAULT: f64 = 0.5;

/// A draft as the memory it becomes, with every default in place. Its rules were checked before.
pub(super) fn fresh(new: NewMemory, now: Timestamp) -> Memory {
    let (tier, expires_at) = lifetime(new.tier, new.expires_at, now);
    let mut seen = HashSet::new();
    Memory {
        id: 0,
        content: new.content,
        kind: new.kind.unwrap_or_else(|| KIND_DEFAULT.into()),
        tags: new.tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect(),
        metadata: new.metadata,
        importance: new.importance.unwrap_or(IMPORTANCE_DEFAULT),
        workspace: workspace_or_default(new.workspace.as_deref()),
        user_id: new.user_id,
        agent_id: new.agent_id,
        session_id: new.session_id,
        actor: new.actor,
        tier,
        expires_at,
        event_time: cut(new.event_time),
        valid_from: cut(new.valid_from),
        valid_to: cut(new.valid_to),
        superseded_by: new.superseded_by,
        custom_id: new.custom_id,
        version: 1,
        created_at: now,
        updated_at: now,
        embedding: EmbeddingState::Pending,
    }
}

/// `old` with the patch applied, or every rule the result breaks.
pub(super) fn patched(old: &Memory, patch: &MemoryPatch, now: Timestamp) -> Result<Memory, EngineError> {
    let mut problems = Vec::new();
    if patch.content == Change::Clear {
        problems.push(Problem::new("content", "must not be null"));
    }
    // An expiry that is asked for makes the memory daily; clearing it, or asking for permanent, undoes that.
    let tier = match (&patch.tier, &patch.expires_at) {
        (Change::Set(tier), _) => Some(*tier),
        (Change::Clear, _) | (Change::Keep, Change::Clear) => Some(Tier::Permanent),
        (Change::Keep, Change::Set(_)) => Some(Tier::Daily),
        (Change::Keep, Change::Keep) => Some(old.tier),
    };
    let expires_at = match (&patch.expires_at, tier) {
        (Change::Set(at), _) => Some(*at),
        (Change::Keep, Some(Tier::Daily)) => old.expires_at,
        (Change::Keep | Change::Clear, _) => None,
    };
    let merged = NewMemory {
        content: patch.content.onto(Some(old.content.clone())).unwrap_or_default(),
        kind: patch.kind.onto(Some(old.kind.clone())),
        tags: patch.tags.onto(Some(old.tags.clone())).unwrap_or_default(),
        metadata: patch.metadata.onto(Some(old.metadata.clone())).unwrap_or_default(),
        importance: patch.importance.onto(Some(old.importance)),
        workspace: patch.workspace.onto(Some(old.workspace.clone())),
        user_id: patch.user_id.onto(old.user_id.clone()),
        agent_id: patch.agent_id.onto(old.agent_id.clone()),
        session_id: patch.session_id.onto(old.session_id.clone()),
        actor: patch.actor.onto(old.actor.clone()),
        tier,
        expires_at,
        event_time: patch.event_time.onto(old.event_time),
        valid_from: patch.valid_from.onto(old.valid_from),
        valid_to: patch.valid_to.onto(old.valid_to),
        superseded_by: patch.superseded_by.onto(old.superseded_by),
        custom_id: patch.custom_id.onto(old.custom_id.clone()),
    };
    if patch.content != Change::Clear {
        problems.extend(merged.problems(now));
    }
    if problems.is_empty() { Ok(fresh(merged, now)) } else { Err(EngineError::Invalid(problems)) }
}

fn lifetime(tier: Option<Tier>, expires_at: Option<Timestamp>, now: Timestamp) -> (Tier, Option<Timestamp>) {
    match (tier, cut(expires_at)) {
        (Some(Tier::Permanent) | None, None) => (Tier::Permanent, None),
        (_, Some(at)) => (Tier::Daily, Some(at)),
        (Some(Tier::Daily), None) => {
            let at = Timestamp::from_millisecond(now.as_millisecond() + DAILY_LIFETIME_MS)
                .unwrap_or(Timestamp::MAX);
            (Tier::Daily, Some(at))
        }
    }
}

fn workspace_or_default(name: Option<&str>) -> String {
    name.and_then(normal_workspace).unwrap_or_else(|| WORKSPACE_DEFAULT.into())
}

/// Cuts a time to the millisecond, which is what the file keeps.
pub(super) fn cut(time: Option<Timestamp>) -> Option<Timestamp> {
    time.and_then(|at| Timestamp::from_millisecond(at.as_millisecond()).ok())
}
