//! A memory, the draft it starts as, and the patch that changes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Problem;
use crate::vector::Embedded;

/// A memory's number: small, increasing, never reused within a store.
pub type MemoryId = i64;

/// Largest content, in bytes of UTF-8.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024;
/// Most tags of a memory.
pub const TAGS_MAX: usize = 32;
/// Longest tag, in characters.
pub const TAG_CHARS_MAX: usize = 64;
/// Largest metadata, in bytes of its compact JSON.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting of metadata; keeps every later walk over it shallow.
pub const METADATA_DEPTH_MAX: usize = 16;
/// Longest `kind`, in characters.
pub const KIND_CHARS_MAX: usize = 32;
/// Longest `custom_id`, `user_id`, `agent_id`, `session_id` or `actor`, in characters.
pub const IDENTIFIER_CHARS_MAX: usize = 256;
/// Most memories of one batch.
pub const BATCH_ROWS_MAX: usize = 1_000;
/// How long a `daily` memory lives unless said, in milliseconds.
pub(crate) const DAILY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long a memory is meant to live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Never expires.
    #[default]
    Permanent,
    /// Always has an expiry: 24 hours after it was stored, unless said.
    Daily,
}

impl Tier {
    /// The word on the wire and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Daily => "daily",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "permanent" => Some(Self::Permanent),
            "daily" => Some(Self::Daily),
            _ => None,
        }
    }
}

/// Whether a memory can be found by meaning yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingState {
    /// Its vector, of the model in use, is in the index.
    Ready,
    /// Found by keywords alone until it is embedded.
    Pending,
}

impl EmbeddingState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Pending => "pending",
        }
    }
}

/// One stored memory. Times have millisecond resolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Its number.
    pub id: MemoryId,
    /// The text; never blank.
    pub content: String,
    /// What it is: `note`, `fact`, `preference`, `decision`, `todo`, `event`, or a word of the caller's.
    pub kind: String,
    /// Labels, in the order given, without repeats.
    pub tags: Vec<String>,
    /// The caller's own JSON object.
    pub metadata: Map<String, Value>,
    /// 0 (trivial) to 1 (vital).
    pub importance: f64,
    /// The workspace it lives in.
    pub workspace: String,
    /// The user it is about or for.
    pub user_id: Option<String>,
    /// The agent that keeps it.
    pub agent_id: Option<String>,
    /// The session it came from; memories of one session are neighbours in search.
    pub session_id: Option<String>,
    /// Who said or did it.
    pub actor: Option<String>,
    /// How long it is meant to live.
    pub tier: Tier,
    /// When it stops existing for everybody.
    pub expires_at: Option<Timestamp>,
    /// When what it tells of happened.
    pub event_time: Option<Timestamp>,
    /// From when on it is true.
    pub valid_from: Option<Timestamp>,
    /// Until when it is true.
    pub valid_to: Option<Timestamp>,
    /// The memory that replaced it.
    pub superseded_by: Option<MemoryId>,
    /// The caller's own key, unique in its workspace.
    pub custom_id: Option<String>,
    /// 1 when created, one more with every change.
    pub version: i64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether it can be found by meaning yet.
    pub embedding: EmbeddingState,
}

/// What a caller gives to store a memory. Only `content` is needed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewMemory {
    /// The text.
    pub content: String,
    /// `note` unless said.
    pub kind: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// The caller's own JSON object.
    pub metadata: Map<String, Value>,
    /// 0.5 unless said.
    pub importance: Option<f64>,
    /// `default` unless said.
    pub workspace: Option<String>,
    /// The user it is about or for.
    pub user_id: Option<String>,
    /// The agent that keeps it.
    pub agent_id: Option<String>,
    /// The session it came from.
    pub session_id: Option<String>,
    /// Who said or did it.
    pub actor: Option<String>,
    /// Permanent unless said, or daily when an expiry is given.
    pub tier: Option<Tier>,
    /// When it stops existing.
    pub expires_at: Option<Timestamp>,
    /// When what it tells of happened.
    pub event_time: Option<Timestamp>,
    /// From when on it is true.
    pub valid_from: Option<Timestamp>,
    /// Until when it is true.
    pub valid_to: Option<Timestamp>,
    /// The memory that replaced it.
    pub superseded_by: Option<MemoryId>,
    /// The caller's own key; a known one updates instead of creating.
    pub custom_id: Option<String>,
}

/// A memory to store, with its vector if there is one yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// What to store.
    pub memory: NewMemory,
    /// The vector of its content; `None` leaves it pending.
    pub embedded: Option<Embedded>,
}

/// A field of a patch: left alone, cleared, or set.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Change<T> {
    /// The field stays as it is.
    #[default]
    Keep,
    /// The field becomes empty (or its default).
    Clear,
    /// The field becomes this.
    Set(T),
}

impl<T: Clone> Change<T> {
    /// The field after the change.
    pub fn onto(&self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new.clone()),
        }
    }
}

/// Changes to a memory; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryPatch {
    /// New text; clearing it is refused.
    pub content: Change<String>,
    /// Clearing brings back `note`.
    pub kind: Change<String>,
    /// Replaces all tags.
    pub tags: Change<Vec<String>>,
    /// Replaces the whole object.
    pub metadata: Change<Map<String, Value>>,
    /// Clearing brings back 0.5.
    pub importance: Change<f64>,
    /// Moves to another workspace; clearing moves to `default`.
    pub workspace: Change<String>,
    /// The user it is about or for.
    pub user_id: Change<String>,
    /// The agent that keeps it.
    pub agent_id: Change<String>,
    /// The session it came from.
    pub session_id: Change<String>,
    /// Who said or did it.
    pub actor: Change<String>,
    /// `permanent` clears the expiry.
    pub tier: Change<Tier>,
    /// When it stops existing; clearing it makes the memory permanent.
    pub expires_at: Change<Timestamp>,
    /// When what it tells of happened.
    pub event_time: Change<Timestamp>,
    /// From when on it is true.
    pub valid_from: Change<Timestamp>,
    /// Until when it is true.
    pub valid_to: Change<Timestamp>,
    /// The memory that replaced it.
    pub superseded_by: Change<MemoryId>,
    /// The caller's own key.
    pub custom_id: Change<String>,
}

/// One version of a memory, as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The memory as it was at this version.
    pub memory: Memory,
    /// What made this version.
    pub change: RevisionChange,
}

/// What made a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevisionChange {
    /// It was stored.
    Created,
    /// It was changed.
    Updated,
    /// It was brought back to an earlier version.
    Reverted,
}

impl RevisionChange {
    /// The word on the wire and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Reverted => "reverted",
        }
    }

    /// Reads the word of the table; anything unknown is an update.
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "created" => Self::Created,
            "reverted" => Self::Reverted,
            _ => Self::Updated,
        }
    }
}

impl NewMemory {
    /// Every rule the draft breaks, all at once; `now` decides whether an expiry is past.
    pub fn problems(&self, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_content(&self.content, &mut problems);
        if let Some(kind) = &self.kind {
            check_kind(kind, &mut problems);
        }
        check_tags(&self.tags, &mut problems);
        check_metadata(&self.metadata, &mut problems);
        if let Some(importance) = self.importance {
            check_importance(importance, &mut problems);
        }
        if let Some(workspace) = &self.workspace {
            check_workspace(workspace, &mut problems);
        }
        for (name, value) in [
            ("user_id", &self.user_id),
            ("agent_id", &self.agent_id),
            ("session_id", &self.session_id),
            ("actor", &self.actor),
            ("custom_id", &self.custom_id),
        ] {
            if let Some(value) = value {
                check_identifier(name, value, &mut problems);
            }
        }
        check_times(self.tier, self.expires_at, (self.valid_from, self.valid_to), now, &mut problems);
        problems
    }
}

/// Lower-cases a workspace name; `None` when it breaks `[a-z0-9._-]{1,64}`.
pub fn normal_workspace(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let letters = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
    (letters && (1..=64).contains(&name.len())).then_some(name)
}

pub(crate) fn check_content(content: &str, problems: &mut Vec<Problem>) {
    if content.trim().is_empty() {
        problems.push(Problem::new("content", "must not be blank"));
    } else if content.len() > CONTENT_BYTES_MAX {
        let length = content.len();
        problems.push(Problem::new(
            "content",
            format!("has {length} bytes, at most {CONTENT_BYTES_MAX} are allowed"),
        ));
    }
}

pub(crate) fn check_kind(kind: &str, problems: &mut Vec<Problem>) {
    let letters = kind.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    if !letters || !(1..=KIND_CHARS_MAX).contains(&kind.len()) {
        problems.push(Problem::new("kind", "must match [a-z0-9_-]{1,32}"));
    }
}

pub(crate) fn check_tags(tags: &[String], problems: &mut Vec<Problem>) {
    if tags.len() > TAGS_MAX {
        problems.push(Problem::new(
            "tags",
            format!("has {} entries, at most {TAGS_MAX} are allowed", tags.len()),
        ));
    }
    for (at, tag) in tags.iter().enumerate() {
        if tag.trim().is_empty() || tag.chars().count() > TAG_CHARS_MAX {
            problems
                .push(Problem::new(format!("tags[{at}]"), format!("must have 1-{TAG_CHARS_MAX} characters")));
        }
    }
}

pub(crate) fn check_metadata(metadata: &Map<String, Value>, problems: &mut Vec<Problem>) {
    if !shallow(metadata, METADATA_DEPTH_MAX) {
        problems.push(Problem::new("metadata", format!("is nested deeper than {METADATA_DEPTH_MAX} levels")));
        return;
    }
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes > METADATA_BYTES_MAX {
        let message = format!("has {bytes} bytes as JSON, at most {METADATA_BYTES_MAX} are allowed");
        problems.push(Problem::new("metadata", message));
    }
}

fn shallow(object: &Map<String, Value>, levels: usize) -> bool {
    fn value_is_shallow(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(items) => levels > 0 && items.iter().all(|v| value_is_shallow(v, levels - 1)),
            Value::Object(inner) => levels > 0 && inner.values().all(|v| value_is_shallow(v, levels - 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }
    object.values().all(|value| value_is_shallow(value, levels - 1))
}

pub(crate) fn check_importance(importance: f64, problems: &mut Vec<Problem>) {
    if !(0.0..=1.0).contains(&importance) {
        problems.push(Problem::new("importance", "must be between 0 and 1"));
    }
}

pub(crate) fn check_workspace(workspace: &str, problems: &mut Vec<Problem>) {
    if normal_workspace(workspace).is_none() {
        problems.push(Problem::new("workspace", "must match [a-z0-9._-]{1,64}"));
    }
}

pub(crate) fn check_identifier(name: &str, value: &str, problems: &mut Vec<Problem>) {
    if value.trim().is_empty() || value.chars().count() > IDENTIFIER_CHARS_MAX {
        problems.push(Problem::new(
            name,
            format!("must have 1-{IDENTIFIER_CHARS_MAX} characters and not be blank"),
        ));
    }
}

pub(crate) fn check_times(
    tier: Option<Tier>,
    expires_at: Option<Timestamp>,
    (valid_from, valid_to): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
    problems: &mut Vec<Problem>,
) {
    if expires_at.is_some_and(|at| at <= now) {
        problems.push(Problem::new("expires_at", "must be in the future"));
    }
    if tier == Some(Tier::Permanent) && expires_at.is_some() {
        problems.push(Problem::new("expires_at", "must be absent when tier is permanent"));
    }
    if let (Some(from), Some(to)) = (valid_from, valid_to)
        && to < from
    {
        problems.push(Problem::new("valid_to", "must not be before valid_from"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(content: &str) -> NewMemory {
        NewMemory { content: content.into(), ..NewMemory::default() }
    }

    fn check(memory: &NewMemory, fields: &[&str]) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let found: Vec<_> = memory.problems(now).into_iter().map(|p| p.field).collect();
        assert_eq!(found, fields);
    }

    #[test]
    fn all_problems_of_a_draft_are_reported_together() {
        check(&draft("it rains"), &[]);
        check(&draft(" \n\t"), &["content"]);
        check(&draft(&"x".repeat(CONTENT_BYTES_MAX + 1)), &["content"]);
        let bad = NewMemory {
            content: String::new(),
            kind: Some("No!".into()),
            tags: vec!["ok".into(), " ".into()],
            importance: Some(7.0),
            workspace: Some("a b".into()),
            user_id: Some(String::new()),
            tier: Some(Tier::Permanent),
            expires_at: Some(Timestamp::from_second(5).unwrap()),
            ..NewMemory::default()
        };
        check(
            &bad,
            &["content", "kind", "tags[1]", "importance", "workspace", "user_id", "expires_at", "expires_at"],
        );
        check(&NewMemory { importance: Some(f64::NAN), ..draft("x") }, &["importance"]);
    }

    #[test]
    fn metadata_is_bounded_in_bytes_and_depth() {
        let mut deep = Value::Null;
        for _ in 0..40 {
            deep = serde_json::json!({ "a": deep });
        }
        let Value::Object(deep) = deep else { unreachable!() };
        check(&NewMemory { metadata: deep, ..draft("x") }, &["metadata"]);
        let mut wide = Map::new();
        wide.insert("a".into(), "y".repeat(METADATA_BYTES_MAX).into());
        check(&NewMemory { metadata: wide, ..draft("x") }, &["metadata"]);
    }
}
