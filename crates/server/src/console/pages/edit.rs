//! The form of a memory: a new one, or a change of one that is there. What was typed stays when something is wrong.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value};
use tenancy::Operation;

use crate::console::asked::Asked;
use crate::console::fields::{labels, number, time};
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{field, form_token, problems, wrong};
use crate::decode;
use crate::operations::{self, Failure};

/// Fields that are one line of text.
const TEXTS: [&str; 7] = ["kind", "workspace", "user_id", "agent_id", "session_id", "actor", "custom_id"];
const TIMES: [&str; 3] = ["event_time", "valid_from", "valid_to"];

/// What stands in the fields.
type Typed = BTreeMap<String, String>;

/// `GET /console/memories/new`.
pub(in crate::console) async fn show_new(asked: Asked) -> Response {
    let typed =
        Typed::from([("kind".to_owned(), "note".to_owned()), ("tier".to_owned(), "permanent".to_owned())]);
    form_page(&asked, None, &typed, None)
}

/// `GET /console/memories/{id}/edit`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    let memory = async {
        let id = asked.guest.memory_id()?;
        asked
            .run(Operation::GetMemory, async |pass| operations::get_memory(asked.app(), pass, id).await)
            .await
    };
    match memory.await {
        Ok(memory) => form_page(&asked, Some(memory.id), &of_memory(&memory), None),
        Err(failure) => failed(&asked, Tab::Memories, &failure),
    }
}

/// `POST /console/memories`.
pub(in crate::console) async fn create(asked: Asked) -> Response {
    let typed = of_form(&asked);
    let body = body(&typed, Blank::Absent);
    let outcome = asked
        .run(Operation::CreateMemory, async |pass| {
            let memory = decode::create_memory(body?, asked.app().clock.now())?;
            operations::create_memory(asked.app(), pass, memory, None).await
        })
        .await;
    match outcome {
        Ok(stored) => lead(stored.memory.id, "created"),
        Err(failure) => form_page(&asked, None, &typed, Some(&failure)),
    }
}

/// `POST /console/memories/{id}`.
pub(in crate::console) async fn update(asked: Asked) -> Response {
    let typed = of_form(&asked);
    let body = body(&typed, Blank::Clears);
    let id = match asked.guest.memory_id() {
        Ok(id) => id,
        Err(failure) => return failed(&asked, Tab::Memories, &failure),
    };
    let outcome = asked
        .run(Operation::UpdateMemory, async |pass| {
            let input = decode::update_memory(body?, asked.app().clock.now())?;
            operations::update_memory(asked.app(), pass, id, input).await
        })
        .await;
    match outcome {
        Ok(memory) => lead(memory.id, "updated"),
        Err(failure) => form_page(&asked, Some(id), &typed, Some(&failure)),
    }
}

/// What an empty field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    /// Nothing is said, and the usual holds.
    Absent,
    /// What was there goes away.
    Clears,
}

fn lead(id: i64, done: &str) -> Response {
    Redirect::to(&format!("/console/memories/{id}?done={done}")).into_response()
}

fn of_form(asked: &Asked) -> Typed {
    let names = TEXTS.iter().chain(&TIMES).chain(&[
        "tags",
        "importance",
        "tier",
        "expires_at",
        "metadata",
        "version",
    ]);
    let mut typed: Typed =
        names.map(|name| ((*name).to_owned(), asked.sent().text(name).to_owned())).collect();
    typed.insert("content".to_owned(), asked.sent().raw("content").to_owned());
    typed
}

fn of_memory(memory: &api::Memory) -> Typed {
    let mut typed = Typed::new();
    if let Ok(Value::Object(object)) = serde_json::to_value(memory) {
        for (name, value) in object {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
                Value::Object(object) if object.is_empty() => continue,
                Value::Object(_) => serde_json::to_string_pretty(&value).unwrap_or_default(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
            };
            typed.insert(name, text);
        }
    }
    typed
}

/// The form as the body that the API takes.
fn body(typed: &Typed, blank: Blank) -> Result<Value, Failure> {
    let text = |name: &str| typed.get(name).map_or("", String::as_str);
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        if blank == Blank::Clears || !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    let unless_blank = |name: &str, read: fn(&str) -> Value| match text(name) {
        "" => Value::Null,
        text => read(text),
    };
    put("content", Value::from(text("content")));
    for name in TEXTS {
        put(name, unless_blank(name, |text| Value::from(text)));
    }
    for name in TIMES {
        put(name, unless_blank(name, time));
    }
    put("importance", unless_blank("importance", number));
    put("tags", labels(text("tags")));
    let metadata = match text("metadata") {
        "" => Value::Null,
        text => {
            serde_json::from_str(text).map_err(|_| Failure::field("metadata", "must be a JSON object"))?
        }
    };
    put("metadata", metadata);
    let tier = if text("tier") == "daily" { "daily" } else { "permanent" };
    put("tier", Value::from(tier));
    // A permanent memory has none, and an empty one of a daily memory means the usual day.
    if !text("expires_at").is_empty() {
        put("expires_at", time(text("expires_at")));
    }
    if let (Blank::Clears, Ok(version)) = (blank, text("version").parse::<i64>()) {
        put("version", Value::from(version));
    }
    Ok(Value::Object(body))
}

fn form_page(asked: &Asked, id: Option<i64>, typed: &Typed, failure: Option<&Failure>) -> Response {
    let heading = id.map_or_else(|| "New memory".to_owned(), |id| format!("Edit memory #{id}"));
    let path = id.map_or_else(|| "/console/memories".to_owned(), |id| format!("/console/memories/{id}"));
    let mut response = page(
        asked,
        Tab::Memories,
        &heading,
        &html! {
            h1 { (heading) }
            @if let Some(failure) = failure {
                (wrong(failure))
                @if let (409, Some(id)) = (failure.status(), id) {
                    p { "It was changed since this page was opened. Copy what you wrote, then " a href={ "/console/memories/" (id) "/edit" } { "open it again" } "." }
                }
            }
            form .form method="post" action=(path) { (form(asked, typed, failure)) div .submit { button .primary { "Save" } a .button href=(path) { "Cancel" } } }
        },
    );
    if let Some(failure) = failure {
        failure.log(&asked.guest.arrival());
        *response.status_mut() = http::StatusCode::from_u16(failure.status()).unwrap_or_default();
    }
    response
}

fn form(asked: &Asked, typed: &Typed, failure: Option<&Failure>) -> Markup {
    let text = |name: &str| typed.get(name).map_or("", String::as_str);
    let is_wrong = |name: &str| {
        let found = failure.map_or(&[][..], problems);
        found.iter().any(|problem| problem.field.split(['[', '.']).next() == Some(name)).then_some("true")
    };
    let line = |name: &str, label: &str, hint: &str| {
        field(
            name,
            label,
            hint,
            &html! { input id=(name) name=(name) value=(text(name)) aria-invalid=[is_wrong(name)] dir="auto"; },
        )
    };
    let when = "2026-11-25T08:00, in UTC";
    html! {
        (form_token(&asked.guest))
        @if !text("version").is_empty() { input type="hidden" name="version" value=(text("version")); }
        (field("content", "Content", "What is worth remembering, in plain words; at most 64 KiB.", &html! {
            textarea #content name="content" rows="6" required dir="auto" aria-invalid=[is_wrong("content")] { "\n" (text("content")) }
        }))
        div .fields {
            (line("kind", "Kind", "note, fact, preference, decision, todo, event, or a word of your own"))
            (line("tags", "Tags", "Separated by commas"))
            (line("workspace", "Workspace", "default unless said"))
            (field("importance", "Importance", "0 (trivial) to 1 (vital)", &html! {
                input #importance name="importance" inputmode="decimal" value=(text("importance")) placeholder="0.5" aria-invalid=[is_wrong("importance")];
            }))
        }
        details .more-fields open[failure.is_some()] {
            summary { "Whose, when, and your own data" }
            div .fields {
                (line("user_id", "User", "")) (line("agent_id", "Agent", "")) (line("session_id", "Session", ""))
                (line("actor", "Actor", "Who said or did it")) (line("custom_id", "Your id", "Unique in its workspace"))
                (line("event_time", "Happened", when)) (line("valid_from", "True from", when)) (line("valid_to", "True until", when))
                (field("tier", "Tier", "A daily memory always expires", &html! {
                    select #tier name="tier" { option value="permanent" { "permanent" } option value="daily" selected[text("tier") == "daily"] { "daily" } }
                }))
                (line("expires_at", "Expires", "Of a daily memory; a day from now unless said"))
            }
            (field("metadata", "Metadata", "A JSON object of your own, at most 16 KiB", &html! {
                textarea #metadata name="metadata" rows="4" spellcheck="false" .code aria-invalid=[is_wrong("metadata")] { "\n" (text("metadata")) }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(typed: &[(&str, &str)], blank: Blank, want: Value) {
        let typed = typed.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        assert_eq!(body(&typed, blank).unwrap(), want);
    }

    #[test]
    fn an_empty_field_is_absent_in_a_new_memory_and_clears_in_an_old_one() {
        check(
            &[
                ("content", " x "),
                ("kind", ""),
                ("tags", "a, b"),
                ("importance", "0.7"),
                ("valid_to", "2026-11-25"),
            ],
            Blank::Absent,
            json!({"content": " x ", "tags": ["a", "b"], "importance": 0.7, "tier": "permanent", "valid_to": "2026-11-25T00:00:00Z"}),
        );
        let cleared = body(&Typed::from([("version".to_owned(), "3".to_owned())]), Blank::Clears).unwrap();
        assert_eq!(
            (&cleared["kind"], &cleared["metadata"], &cleared["version"]),
            (&Value::Null, &Value::Null, &json!(3))
        );
        assert!(cleared.get("expires_at").is_none());
    }

    #[test]
    fn what_cannot_be_read_is_left_for_decode_to_refuse() {
        check(
            &[("content", "x"), ("importance", "much"), ("event_time", "soon"), ("tier", "daily")],
            Blank::Absent,
            json!({"content": "x", "importance": "much", "event_time": "soon", "tags": [], "tier": "daily"}),
        );
        assert!(body(&Typed::from([("metadata".to_owned(), "{".to_owned())]), Blank::Absent).is_err());
    }
}
