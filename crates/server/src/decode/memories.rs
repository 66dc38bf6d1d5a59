//! What is sent to store, change, list and delete memories.

use engine::normal_workspace;
use engine::{
    BATCH_ROWS_MAX, Change, DeleteMode, Filter, ImportIds, ListQuery, MemoryPatch, NewMemory, Order, Problem,
    Tier,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::fields::{Fields, Form, Problems};
use super::values::{boolean, integer, number, object, positive, text, texts, time, word};

/// Most rows of a page, and most hits of a search.
pub const PAGE_LIMIT_MAX: i64 = 100;
/// Rows of a page unless said.
pub const LIST_LIMIT_DEFAULT: i64 = 50;

/// One memory of a batch.
pub type BatchRow = NewMemory;

/// A change of a memory, and the version the caller knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateInput {
    /// What changes.
    pub patch: MemoryPatch,
    /// The version the caller knows.
    pub expected_version: Option<i64>,
}

/// A version to bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevertInput {
    /// The version to bring back.
    pub to_version: i64,
    /// The version the caller knows.
    pub expected_version: Option<i64>,
}

/// Which memories to delete, and whether to.
#[derive(Debug, Clone)]
pub struct DeleteInput {
    /// Which ones.
    pub filter: Filter,
    /// Only in this workspace (normalised).
    pub workspace: Option<String>,
    /// Whether to.
    pub mode: DeleteMode,
    /// For how long.
    pub deletion: Deletion,
}

/// How far a deletion goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Until an older backup is restored.
    Delete,
    /// For ever.
    Erase,
}

/// Reads a memory to store. Rules of the engine are looked at here only when something is wrong already, so
/// that they are told together; otherwise the engine tells them itself.
///
/// # Errors
/// Every problem.
pub fn create_memory(body: Value, now: Timestamp) -> Result<NewMemory, Problems> {
    let mut problems = Problems::new();
    let memory = Fields::of(body, Form::Json, &mut problems).map(|fields| new_memory(fields, now));
    whole(memory, problems)
}

/// Reads a batch.
///
/// # Errors
/// Every problem of every row, as `memories[3].content`.
pub fn create_memory_batch(body: Value, now: Timestamp) -> Result<Vec<BatchRow>, Problems> {
    let mut problems = Problems::new();
    let rows = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let rows = fields.need("memories", |value, _| match value {
            Value::Array(rows) if (1..=BATCH_ROWS_MAX).contains(&rows.len()) => Ok(rows),
            Value::Array(rows) => {
                let message = format!("must have 1 to {BATCH_ROWS_MAX} rows, got {}", rows.len());
                Err(vec![Problem::new("", message)])
            }
            _ => Err(vec![Problem::new("", "must be an array of memories")]),
        });
        fields.finish();
        rows
    });
    let rows = rows.unwrap_or_default();
    let mut memories = Vec::with_capacity(rows.len());
    // The row up to which the engine's rules were not looked at, because nothing was wrong until then.
    let mut sound = 0;
    for (index, row) in rows.into_iter().enumerate() {
        if let Some(fields) = Fields::of_row(row, "memories", index, &mut problems) {
            memories.push(new_memory(fields, now));
        }
        if problems.is_empty() {
            sound = index + 1;
        }
    }
    if !problems.is_empty() {
        for (index, memory) in memories.iter().take(sound).enumerate() {
            let place = |p: Problem| p.within(&format!("[{index}]")).within("memories");
            problems.extend(memory.problems(now).into_iter().map(place));
        }
    }
    whole(Some(memories), problems)
}

/// Reads a change: an absent field stays, `null` clears.
///
/// # Errors
/// Every problem.
pub fn update_memory(body: Value, now: Timestamp) -> Result<UpdateInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).map(|mut fields| {
        let patch = MemoryPatch {
            content: fields.change("content", text),
            kind: fields.change("kind", text),
            tags: fields.change("tags", texts),
            metadata: fields.change("metadata", object),
            importance: fields.change("importance", number),
            workspace: fields.change("workspace", text),
            user_id: fields.change("user_id", text),
            agent_id: fields.change("agent_id", text),
            session_id: fields.change("session_id", text),
            actor: fields.change("actor", text),
            tier: fields.change("tier", word(TIERS, Tier::parse)),
            expires_at: fields.change("expires_at", time),
            event_time: fields.change("event_time", time),
            valid_from: fields.change("valid_from", time),
            valid_to: fields.change("valid_to", time),
            superseded_by: fields.change("superseded_by", positive),
            custom_id: fields.change("custom_id", text),
        };
        let expected_version = fields.get("version", positive);
        if patch.content == Change::Clear {
            fields.refuse("content", "cannot be cleared");
        }
        fields.finish_with(|| patched_alone(&patch).problems(now));
        UpdateInput { patch, expected_version }
    });
    whole(input, problems)
}

/// Reads which version to bring back.
///
/// # Errors
/// Every problem.
pub fn revert_memory(body: Value) -> Result<RevertInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let to_version = fields.need("to_version", positive);
        let expected_version = fields.get("version", positive);
        fields.finish();
        Some(RevertInput { to_version: to_version?, expected_version })
    });
    whole(input, problems)
}

/// Reads which memories to delete.
///
/// # Errors
/// Every problem.
pub fn delete_memories(body: Value) -> Result<DeleteInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let filter = fields.need("filters", filter);
        let workspace = fields.get("workspace", workspace);
        let mode = match fields.get("dry_run", boolean) {
            Some(true) => DeleteMode::DryRun,
            Some(false) | None => DeleteMode::Delete,
        };
        let deletion = deletion(fields.get("erase", boolean));
        fields.finish();
        Some(DeleteInput { filter: filter?, workspace, mode, deletion })
    });
    whole(input, problems)
}

/// Reads how far the deletion of one memory goes.
///
/// # Errors
/// Every problem.
pub fn delete_memory(query: Value) -> Result<Deletion, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let erase = fields.get("erase", boolean);
        fields.finish();
        deletion(erase)
    });
    whole(input, problems)
}

/// Reads which ids imported memories get.
///
/// # Errors
/// Every problem.
pub fn import_memories(query: Value) -> Result<ImportIds, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let ids = fields.get("ids", word(&["keep", "renumber"], import_ids)).unwrap_or_default();
        fields.finish();
        ids
    });
    whole(input, problems)
}

fn import_ids(word: &str) -> Option<ImportIds> {
    match word {
        "keep" => Some(ImportIds::Keep),
        "renumber" => Some(ImportIds::Renumber),
        _ => None,
    }
}

fn deletion(erase: Option<bool>) -> Deletion {
    match erase {
        Some(true) => Deletion::Erase,
        Some(false) | None => Deletion::Delete,
    }
}

/// Reads what to list; the same names in a body and in a query string.
///
/// # Errors
/// Every problem.
pub fn list_memories(asked: Value, form: Form) -> Result<ListQuery, Problems> {
    /// Fields that a list takes beside `filters`, each as an equality.
    const SHORTCUTS: [&str; 6] = ["kind", "user_id", "agent_id", "session_id", "actor", "tier"];

    let mut problems = Problems::new();
    let query = Fields::of(asked, form, &mut problems).map(|mut fields| {
        let limit = fields.get("limit", integer(1, PAGE_LIMIT_MAX)).unwrap_or(LIST_LIMIT_DEFAULT);
        let order = fields.get("order", word(&["newest", "oldest"], order)).unwrap_or_default();
        let after = fields.get("cursor", text).and_then(|cursor| {
            let place = read_cursor(&cursor, order);
            if place.is_none() {
                fields.refuse("cursor", "must be the next_cursor of a page of the same order");
            }
            place
        });
        let workspace = fields.get("workspace", workspace);
        let mut conditions: Vec<Value> = Vec::new();
        for name in SHORTCUTS {
            if let Some(value) = fields.get(name, text) {
                conditions.push(Value::Object(Map::from_iter([(name.to_owned(), Value::String(value))])));
            }
        }
        if let Some(tag) = fields.get("tag", text) {
            conditions.push(serde_json::json!({ "tags": { "contains": tag } }));
        }
        let mut filters = fields.get("filters", |value, form| {
            let value = Value::Object(object(value, form)?);
            Filter::parse(&value).map(|_| value)
        });
        let filter = match (filters.take(), conditions.is_empty()) {
            (None, true) => None,
            (Some(filters), true) => Some(filters),
            (filters, false) => {
                conditions.extend(filters);
                Some(serde_json::json!({ "and": conditions }))
            }
        };
        let filter = filter.and_then(|value| match Filter::parse(&value) {
            Ok(filter) => Some(filter),
            Err(found) => {
                // A shortcut's place is its own name, not its place in the list we made.
                let outer = |p: Problem| match p.field.split_once("].") {
                    Some((_, name)) => Problem::new(name, p.message),
                    None => p,
                };
                fields.refuse_all(found.into_iter().map(outer).collect());
                None
            }
        });
        fields.finish();
        ListQuery { workspace, filter, order, after, limit: usize::try_from(limit).unwrap_or(1) }
    });
    whole(query, problems)
}

/// The cursor of the page after `after`; a cursor says its order, so that it cannot be used with the other.
pub fn next_cursor(order: Order, after: i64) -> String {
    let letter = match order {
        Order::NewestFirst => 'n',
        Order::OldestFirst => 'o',
    };
    format!("{letter}{after:x}")
}

pub(super) fn workspace(value: Value, form: Form) -> Result<String, Problems> {
    let name = text(value, form)?;
    normal_workspace(&name).ok_or_else(|| vec![Problem::new("", "must match [a-z0-9._-]{1,64}")])
}

pub(super) fn filter(value: Value, form: Form) -> Result<Filter, Problems> {
    Filter::parse(&Value::Object(object(value, form)?))
}

/// The value, if nothing is wrong.
pub(super) fn whole<T>(value: Option<T>, problems: Problems) -> Result<T, Problems> {
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        Some(_) | None => Err(problems),
    }
}

const TIERS: &[&str] = &["permanent", "daily"];

fn new_memory(mut fields: Fields<'_>, now: Timestamp) -> NewMemory {
    let content = fields.need("content", text);
    let memory = NewMemory {
        content: content.unwrap_or_default(),
        kind: fields.get("kind", text),
        tags: fields.get("tags", texts).unwrap_or_default(),
        metadata: fields.get("metadata", object).unwrap_or_default(),
        importance: fields.get("importance", number),
        workspace: fields.get("workspace", text),
        user_id: fields.get("user_id", text),
        agent_id: fields.get("agent_id", text),
        session_id: fields.get("session_id", text),
        actor: fields.get("actor", text),
        tier: fields.get("tier", word(TIERS, Tier::parse)),
        expires_at: fields.get("expires_at", time),
        event_time: fields.get("event_time", time),
        valid_from: fields.get("valid_from", time),
        valid_to: fields.get("valid_to", time),
        superseded_by: fields.get("superseded_by", positive),
        custom_id: fields.get("custom_id", text),
    };
    fields.finish_with(|| memory.problems(now));
    memory
}

/// A memory of nothing but what the patch sets, to hold the rules of single fields against.
fn patched_alone(patch: &MemoryPatch) -> NewMemory {
    NewMemory {
        content: patch.content.onto(None).unwrap_or_else(|| "kept".to_owned()),
        kind: patch.kind.onto(None),
        tags: patch.tags.onto(None).unwrap_or_default(),
        metadata: patch.metadata.onto(None).unwrap_or_default(),
        importance: patch.importance.onto(None),
        workspace: patch.workspace.onto(None),
        user_id: patch.user_id.onto(None),
        agent_id: patch.agent_id.onto(None),
        session_id: patch.session_id.onto(None),
        actor: patch.actor.onto(None),
        tier: patch.tier.onto(None),
        expires_at: patch.expires_at.onto(None),
        event_time: patch.event_time.onto(None),
        valid_from: patch.valid_from.onto(None),
        valid_to: patch.valid_to.onto(None),
        superseded_by: patch.superseded_by.onto(None),
        custom_id: patch.custom_id.onto(None),
    }
}

fn order(word: &str) -> Option<Order> {
    match word {
        "newest" => Some(Order::NewestFirst),
        "oldest" => Some(Order::OldestFirst),
        _ => None,
    }
}

fn read_cursor(cursor: &str, order: Order) -> Option<i64> {
    let after = i64::from_str_radix(cursor.get(1..)?, 16).ok().filter(|after| *after >= 0)?;
    (next_cursor(order, after) == cursor).then_some(after)
}
