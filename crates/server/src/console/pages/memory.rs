//! One memory: what it says, what is known of it, its versions and what changed between them.

use std::time::Duration;

use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};
use tenancy::Operation;

use crate::console::asked::Asked;
use crate::console::fields::link;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{careful, form_token, good, title};
use crate::console::words;
use crate::decode;
use crate::operations::{self, Failure};

/// Looking for the smallest difference ends after this, with a larger one.
const DIFF_TIME: Duration = Duration::from_millis(20);
/// Versions whose differences are shown; older ones are only named.
const VERSIONS_SHOWN: usize = 50;

/// `GET /console/memories/{id}`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    match read(&asked).await {
        Ok(history) => page(&asked, Tab::Memories, "Memory", &shown(&asked, &history)),
        Err(failure) => failed(&asked, Tab::Memories, &failure),
    }
}

/// `POST /console/memories/{id}/revert`.
pub(in crate::console) async fn revert(asked: Asked) -> Response {
    let version = |name: &str| asked.sent().text(name).parse::<i64>().map_or(Value::Null, Value::from);
    let body = json!({ "to_version": version("to_version"), "version": version("version") });
    let outcome = async {
        let id = asked.guest.memory_id()?;
        asked
            .run(Operation::RevertMemory, async |pass| {
                let input = decode::revert_memory(body)?;
                operations::revert_memory(asked.app(), pass, id, input).await
            })
            .await
    };
    match outcome.await {
        Ok(memory) => Redirect::to(&format!("/console/memories/{}?done=reverted", memory.id)).into_response(),
        Err(failure) => failed(&asked, Tab::Memories, &failure),
    }
}

/// `POST /console/memories/{id}/delete`.
pub(in crate::console) async fn delete(asked: Asked) -> Response {
    let outcome = async {
        let id = asked.guest.memory_id()?;
        asked
            .run(Operation::DeleteMemory, async |pass| operations::delete_memory(asked.app(), pass, id).await)
            .await
    };
    match outcome.await {
        Ok(()) => Redirect::to("/console/memories?done=deleted").into_response(),
        Err(failure) => failed(&asked, Tab::Memories, &failure),
    }
}

async fn read(asked: &Asked) -> Result<api::MemoryHistory, Failure> {
    let id = asked.guest.memory_id()?;
    asked
        .run(Operation::MemoryHistory, async |pass| operations::memory_history(asked.app(), pass, id).await)
        .await
}

fn shown(asked: &Asked, history: &api::MemoryHistory) -> Markup {
    let now = asked.app().clock.now();
    let Some(newest) = history.items.first() else { return html! {} };
    let memory = &newest.memory;
    let path = format!("/console/memories/{}", memory.id);
    html! {
        (title(&format!("Memory #{}", memory.id), &html! { a .button .primary href={ (path) "/edit" } { "Edit" } }))
        @match asked.sent().text("done") {
            "created" => (good("Stored. The next search finds it.")),
            "updated" => (good("Changed. The version before is kept below.")),
            "reverted" => (good("Brought back, as a new version.")),
            _ => {}
        }
        div .two {
            div {
                section .card .memory-content { p .text dir="auto" { (memory.content) } }
                section {
                    h2 { "History" }
                    ol .history { @for (at, revision) in history.items.iter().enumerate().take(VERSIONS_SHOWN) {
                        li { (version(asked, &path, revision, history.items.get(at + 1), at == 0, memory.version, now)) }
                    } }
                    @if history.items.len() > VERSIONS_SHOWN { p .hint { "Older versions are in the API." } }
                }
                (careful("Delete this memory", "The memory and all its versions are gone at once, from every index. This cannot be undone.", &html! {
                    form method="post" action={ (path) "/delete" } { (form_token(&asked.guest)) button .danger { "Delete for ever" } }
                }))
            }
            aside { (properties(memory, now)) }
        }
    }
}

fn version(
    asked: &Asked,
    path: &str,
    revision: &api::MemoryRevision,
    before: Option<&api::MemoryRevision>,
    is_newest: bool,
    newest: i64,
    now: Timestamp,
) -> Markup {
    html! {
        div .version-head {
            strong { "Version " (revision.version) }
            span .badge { (revision.change) }
            @if is_newest { span .badge .good { "now" } }
            span .when { (words::time(revision.memory.updated_at, now)) }
            @if !is_newest {
                form method="post" action={ (path) "/revert" } {
                    (form_token(&asked.guest))
                    input type="hidden" name="to_version" value=(revision.version);
                    input type="hidden" name="version" value=(newest);
                    button .small { "Revert to this" }
                }
            }
        }
        @if let Some(before) = before { (changes(&before.memory, &revision.memory)) }
    }
}

/// What changed between two versions: the text word by word, everything else by name.
fn changes(old: &api::Memory, new: &api::Memory) -> Markup {
    let fields = changed_fields(old, new);
    html! {
        @if old.content != new.content { (difference(&old.content, &new.content)) }
        @if !fields.is_empty() {
            dl .changed { @for (name, before, after) in fields {
                dt { (name) }
                dd { @if before != "null" { del { bdi { (before) } } " " } @if after != "null" { ins { bdi { (after) } } } @else { span .dim { "cleared" } } }
            } }
        }
    }
}

fn difference(old: &str, new: &str) -> Markup {
    let diff = TextDiff::configure().timeout(DIFF_TIME).diff_words(old, new);
    html! {
        p .diff dir="auto" {
            @for change in diff.iter_all_changes() {
                @match change.tag() {
                    ChangeTag::Equal => (change.value()),
                    ChangeTag::Delete => del { (change.value()) },
                    ChangeTag::Insert => ins { (change.value()) },
                }
            }
        }
    }
}

/// Fields beside the content that differ, as JSON shows them.
fn changed_fields(old: &api::Memory, new: &api::Memory) -> Vec<(String, String, String)> {
    const NOT_TOLD: [&str; 5] = ["content", "version", "updated_at", "created_at", "embedding"];
    let object = |memory| match serde_json::to_value(memory) {
        Ok(Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (object(old), object(new));
    let named = new
        .iter()
        .filter(|(name, value)| !NOT_TOLD.contains(&name.as_str()) && old.get(*name) != Some(value));
    named
        .map(|(name, value)| (name.clone(), plain(old.get(name).unwrap_or(&Value::Null)), plain(value)))
        .collect()
}

/// A value without the signs of JSON, where it is plain without them.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn properties(memory: &api::Memory, now: Timestamp) -> Markup {
    let texts = [
        ("User", &memory.user_id),
        ("Agent", &memory.agent_id),
        ("Actor", &memory.actor),
        ("Your id", &memory.custom_id),
    ];
    let times = [
        ("Happened", memory.event_time),
        ("True from", memory.valid_from),
        ("True until", memory.valid_to),
        ("Expires", memory.expires_at),
        ("Stored", Some(memory.created_at)),
        ("Changed", Some(memory.updated_at)),
    ];
    html! {
        section .card {
            h2 .small { "Details" }
            dl .properties {
                dt { "Kind" } dd { span .badge { (memory.kind) } }
                dt { "Workspace" } dd { bdi { (memory.workspace) } }
                @if !memory.tags.is_empty() { dt { "Tags" } dd { @for tag in &memory.tags { span .tag { bdi { (tag) } } " " } } }
                dt { "Importance" } dd { (memory.importance) }
                dt { "Tier" } dd { (memory.tier) }
                @for (label, text) in texts { @if let Some(text) = text { dt { (label) } dd { bdi { (text) } } } }
                @if let Some(id) = &memory.session_id { dt { "Session" } dd { a href=(link("/console/sessions", &[("session_id", id)])) { bdi { (id) } } } }
                @for (label, at) in times { @if let Some(at) = at { dt { (label) } dd { (words::time(at, now)) } } }
                @if let Some(id) = memory.superseded_by { dt { "Superseded by" } dd { a href={ "/console/memories/" (id) } { "#" (id) } } }
                dt { "Vector" } dd { (memory.embedding) }
                dt { "Version" } dd { (memory.version) }
            }
            @if !memory.metadata.is_empty() {
                h2 .small { "Metadata" }
                pre tabindex="0" role="region" aria-label="Metadata" { code { (serde_json::to_string_pretty(&memory.metadata).unwrap_or_default()) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_text_and_marks_words() {
        let html = difference("Anna likes <b>tea</b>", "Anna likes <b>coffee</b>").into_string();
        assert!(html.contains("<del>") && html.contains("<ins>") && !html.contains("<b>"), "{html}");
    }
}
