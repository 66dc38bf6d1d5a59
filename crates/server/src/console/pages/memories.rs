//! The memories of a tenant, a page at a time, with filters.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use tenancy::Operation;

use crate::console::asked::Asked;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{field, good, memory_row, next_page, title, wrong};
use crate::console::words;
use crate::decode::{self, Form};
use crate::operations::{self, Failure};

const FILTERS: [&str; 7] = ["workspace", "kind", "tag", "user_id", "agent_id", "session_id", "order"];
const KINDS: [&str; 6] = ["note", "fact", "preference", "decision", "todo", "event"];

/// `GET /console/memories`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    let found = list(&asked).await;
    let workspaces = asked
        .run(Operation::ListWorkspaces, async |pass| operations::list_workspaces(asked.app(), pass).await)
        .await;
    let workspaces = match workspaces {
        Ok(workspaces) => workspaces.items,
        Err(failure) => return failed(&asked, Tab::Memories, &failure),
    };
    page(
        &asked,
        Tab::Memories,
        "Memories",
        &html! {
            (title("Memories", &html! { a .button .primary href="/console/memories/new" { "New memory" } }))
            @if asked.sent().text("done") == "deleted" { (good("The memory is deleted, and its history with it.")) }
            (filters(&asked, &workspaces))
            @match found {
                Err(failure) => (wrong(&failure)),
                Ok(found) if found.items.is_empty() => (nothing(&asked)),
                Ok(found) => {
                    div .list { @for memory in &found.items { (memory_row(memory, asked.app().clock.now())) } }
                    @let pairs: Vec<_> = FILTERS.iter().map(|name| (*name, asked.sent().text(name))).collect();
                    (next_page("/console/memories", &pairs, found.next_cursor.as_deref()))
                }
            }
        },
    )
}

async fn list(asked: &Asked) -> Result<api::MemoryPage, Failure> {
    let mut fields = asked.sent().object(&FILTERS);
    fields.extend(asked.sent().object(&["cursor"]));
    fields.insert("limit".to_owned(), Value::from("25"));
    asked
        .run(Operation::ListMemories, async |pass| {
            let query = decode::list_memories(Value::Object(fields), Form::Query)?;
            operations::list_memories(asked.app(), pass, query).await
        })
        .await
}

fn filters(asked: &Asked, workspaces: &[api::Workspace]) -> Markup {
    let sent = asked.sent();
    let deep = ["tag", "user_id", "agent_id", "session_id"];
    html! {
        form .filters action="/console/memories" {
            (field("workspace", "Workspace", "", &html! {
                select #workspace name="workspace" {
                    option value="" { "All" }
                    @for workspace in workspaces {
                        option value=(workspace.name) selected[workspace.name == sent.text("workspace")] { (workspace.name) " (" (words::count(workspace.memories)) ")" }
                    }
                }
            }))
            (field("kind", "Kind", "", &html! {
                input #kind name="kind" list="kinds" value=(sent.text("kind")) placeholder="Any";
                datalist #kinds { @for kind in KINDS { option value=(kind) {} } }
            }))
            (field("order", "Order", "", &html! {
                select #order name="order" {
                    option value="" { "Newest first" }
                    option value="oldest" selected[sent.text("order") == "oldest"] { "Oldest first" }
                }
            }))
            details .more-fields open[deep.iter().any(|name| sent.filled(name).is_some())] {
                summary { "More" }
                div .fields {
                    (field("tag", "Tag", "", &html! { input #tag name="tag" value=(sent.text("tag")); }))
                    (field("user_id", "User", "", &html! { input #user_id name="user_id" value=(sent.text("user_id")); }))
                    (field("agent_id", "Agent", "", &html! { input #agent_id name="agent_id" value=(sent.text("agent_id")); }))
                    (field("session_id", "Session", "", &html! { input #session_id name="session_id" value=(sent.text("session_id")); }))
                }
            }
            button { "Apply" }
        }
    }
}

fn nothing(asked: &Asked) -> Markup {
    let filtered = FILTERS.iter().any(|name| asked.sent().filled(name).is_some());
    html! {
        div .empty {
            @if filtered {
                p { "No memory matches these filters." }
                p { a href="/console/memories" { "Show all of them" } }
            } @else {
                p { "Nothing is stored yet." }
                p { a .button .primary href="/console/memories/new" { "Write the first memory" } " " a .button href="/console/quickstart" { "Let an agent do it" } }
            }
        }
    }
}
