//! Sessions of a tenant, the newest first, and one of them as the conversation that it was.

use axum::response::Response;
use engine::{SessionPage, SessionQuery, SessionSummary};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;
use tenancy::Operation;

use crate::console::asked::Asked;
use crate::console::fields::link;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{next_page, shortened, title, wrong};
use crate::console::words;
use crate::decode::{self, Form};
use crate::operations::{self, Failure};

/// Where the page is.
const PATH: &str = "/console/sessions";
/// Sessions of a page.
const SESSIONS_SHOWN: usize = 50;
/// Memories of a page of a conversation.
const MEMORIES_SHOWN: usize = 25;
/// The field that names one.
const SESSION_ID: &str = "session_id";

/// `GET /console/sessions`: all of them, or one by its id.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    match asked.sent().filled(SESSION_ID) {
        Some(_) => show_one(&asked).await,
        None => show_all(&asked).await,
    }
}

async fn show_all(asked: &Asked) -> Response {
    // What is no place in the list begins it again.
    let before = asked.sent().filled("cursor").and_then(|text| text.parse().ok());
    let query = SessionQuery { before, limit: SESSIONS_SHOWN };
    let found = asked
        .run(Operation::ListMemories, async |pass| operations::list_sessions(asked.app(), pass, query).await)
        .await;
    match found {
        Ok(sessions) => page(asked, Tab::Sessions, "Sessions", &list(&sessions, asked.app().clock.now())),
        Err(failure) => failed(asked, Tab::Sessions, &failure),
    }
}

fn list(sessions: &SessionPage, now: Timestamp) -> Markup {
    let next = sessions.next.map(|next| next.to_string());
    html! {
        (title("Sessions", &html! {}))
        @if sessions.items.is_empty() {
            div .empty { p { "No memory has a session yet." } p { "Store memories with a " code { "session_id" } " and they show here as the conversation they belong to." } }
        } @else {
            div .list { @for session in &sessions.items { (row(session, now)) } }
        }
        (next_page(PATH, &[], next.as_deref()))
    }
}

fn row(session: &SessionSummary, now: Timestamp) -> Markup {
    let id = &session.session_id;
    html! { div .memory {
        a .content href=(link(PATH, &[(SESSION_ID, id)])) dir="auto" { (shortened(id)) }
        div .line {
            span { (words::counted(session.memories, "memory", "memories")) }
            span { bdi { (session.workspace) } }
            span { (lasted(session)) }
            span .when { (words::time(session.last_at, now)) }
        }
    } }
}

fn lasted(session: &SessionSummary) -> String {
    match session.last_at.duration_since(session.first_at).as_secs() {
        0..60 => "within a minute".to_owned(),
        s @ 60..3_600 => format!("over {} min", s / 60),
        s @ 3_600..86_400 => format!("over {} h", s / 3_600),
        s => format!("over {}", words::counted(s.unsigned_abs() / 86_400, "day", "days")),
    }
}

async fn show_one(asked: &Asked) -> Response {
    let mut fields = asked.sent().object(&["cursor"]);
    // A session is named as it was stored, blanks included.
    fields.insert(SESSION_ID.to_owned(), Value::from(asked.sent().raw(SESSION_ID)));
    fields.insert("order".to_owned(), Value::from("oldest"));
    fields.insert("limit".to_owned(), Value::from(MEMORIES_SHOWN.to_string()));
    let found = asked
        .run(Operation::ListMemories, async |pass| {
            let query = decode::list_memories(Value::Object(fields), Form::Query)?;
            operations::list_memories(asked.app(), pass, query).await
        })
        .await;
    match found {
        Err(failure) if failure.status() != 400 => failed(asked, Tab::Sessions, &failure),
        found => page(asked, Tab::Sessions, "Session", &conversation(asked, found)),
    }
}

fn conversation(asked: &Asked, found: Result<api::MemoryPage, Failure>) -> Markup {
    let id = asked.sent().raw(SESSION_ID);
    html! {
        (title("Session", &html! { a .button href=(PATH) { "All sessions" } }))
        p .lead { bdi .break { (shortened(id)) } }
        @match found {
            Err(failure) => (wrong(&failure)),
            Ok(found) if found.items.is_empty() => div .empty { p { "No memory of this session is there." } },
            Ok(found) => {
                ol .conversation { @for memory in &found.items { (said(memory)) } }
                (next_page(PATH, &[(SESSION_ID, id)], found.next_cursor.as_deref()))
            }
        }
    }
}

/// One memory as something that was said.
fn said(memory: &api::Memory) -> Markup {
    let who = memory.actor.as_deref().or(memory.user_id.as_deref()).or(memory.agent_id.as_deref());
    html! { li .said {
        div .line {
            @if let Some(who) = who { strong { bdi { (who) } } }
            span .badge { (memory.kind) }
            @if memory.superseded_by.is_some() { span .badge .warn { "superseded" } }
            span .when { (words::exact(memory.event_time.unwrap_or(memory.created_at))) }
        }
        p .text dir="auto" { (shortened(&memory.content)) }
        a href={ "/console/memories/" (memory.id) } { "#" (memory.id) }
    } }
}
