//! Pieces that several pages are made of.

use engine::Problem;
use jiff::Timestamp;
use maud::{Markup, html};

use super::asked::Guest;
use super::fields::link;
use super::words;
use crate::operations::Failure;

/// The hidden field that proves a form came from here.
pub(super) fn form_token(guest: &Guest) -> Markup {
    html! { input type="hidden" name="form_token" value=(guest.app.console.form_token(guest.binding())); }
}

/// A heading with what can be done on the page beside it.
pub(super) fn title(text: &str, beside: &Markup) -> Markup {
    html! { div .title { h1 { (text) } div .actions { (beside) } } }
}

/// Something that went well.
pub(super) fn good(text: &str) -> Markup {
    html! { div .notice .good role="status" { p { (text) } } }
}

/// What is wrong with a form.
pub(super) fn wrong(failure: &Failure) -> Markup {
    let problems = problems(failure);
    html! {
        div .notice .bad role="alert" {
            @if problems.is_empty() {
                p { (failure.message()) }
            } @else {
                p { "Please look at this again:" }
                ul { @for problem in problems {
                    li { a href={ "#" (problem.field) } { (problem.field) } " " (problem.message) }
                } }
            }
        }
    }
}

/// The problems of single fields.
pub(super) fn problems(failure: &Failure) -> &[Problem] {
    match failure {
        Failure::Invalid(problems) => problems,
        Failure::Store(fleet::FleetError::Engine(engine::EngineError::Invalid(problems))) => problems,
        _ => &[],
    }
}

/// One field of a form: a label, whatever takes the input, and a hint.
pub(super) fn field(name: &str, label: &str, hint: &str, input: &Markup) -> Markup {
    html! {
        div .field {
            label for=(name) { (label) }
            (input)
            @if !hint.is_empty() { p .hint { (hint) } }
        }
    }
}

/// A text to copy, with a button.
pub(super) fn copyable(text: &str, label: &str) -> Markup {
    html! {
        div .copyable {
            pre tabindex="0" role="region" aria-label=(label) { code { (text) } }
            button .copy type="button" data-copy hidden { "Copy" }
        }
    }
}

/// A deed that cannot be undone: named first, done on the second click.
pub(super) fn careful(summary: &str, warning: &str, form: &Markup) -> Markup {
    html! {
        details .careful {
            summary { (summary) }
            div .careful-body { p { (warning) } (form) }
        }
    }
}

/// One memory in a list.
pub(super) fn memory_row(memory: &api::Memory, now: Timestamp) -> Markup {
    html! {
        div .memory {
            a .content href={ "/console/memories/" (memory.id) } dir="auto" { (shortened(&memory.content)) }
            (memory_line(memory, now))
        }
    }
}

/// Where a memory belongs, in one line.
pub(super) fn memory_line(memory: &api::Memory, now: Timestamp) -> Markup {
    html! {
        div .line {
            span .badge { (memory.kind) }
            span { "#" (memory.id) }
            span { bdi { (memory.workspace) } }
            @if let Some(actor) = &memory.actor { span { "by " bdi { (actor) } } }
            @if let Some(user) = &memory.user_id { span { "user " bdi { (user) } } }
            @for tag in &memory.tags { span .tag { bdi { (tag) } } }
            @if memory.superseded_by.is_some() { span .badge .warn { "superseded" } }
            @if let Some(expires) = memory.expires_at { span { "expires " (words::time(expires, now)) } }
            span .when { (words::time(memory.created_at, now)) }
        }
    }
}

/// The way to the next page of a list.
pub(super) fn next_page(path: &str, pairs: &[(&str, &str)], cursor: Option<&str>) -> Markup {
    html! {
        @if let Some(cursor) = cursor {
            @let pairs: Vec<_> = pairs.iter().copied().chain([("cursor", cursor)]).collect();
            p .more { a .button href=(link(path, &pairs)) rel="next" { "Next page" } }
        }
    }
}

/// A figure with what it is, and a word beside it if there is one to say.
pub(super) fn tile(label: &str, value: &str, beside: &str) -> Markup {
    html! { div .tile { span .label { (label) } strong { (value) } @if !beside.is_empty() { span .hint { (beside) } } } }
}

/// A badge in the colour of a status.
pub(super) fn status(word: &str) -> Markup {
    let tone = match word {
        "active" | "open" | "agrees" | "finished" | "done" | "passed" | "ok" => "good",
        "suspended" | "expired" | "rotated" | "warn" => "warn",
        "deleted" | "revoked" | "drift" | "burns" | "failed" | "fail" => "bad",
        _ => "",
    };
    html! { span .badge .(tone) { (word) } }
}

/// The first words of a long text.
pub(super) fn shortened(text: &str) -> String {
    /// Characters of a memory that a list shows.
    const SHOWN: usize = 320;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}
