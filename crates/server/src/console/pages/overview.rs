//! The first page: what is stored, what is used, and how to begin.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::json;
use tenancy::Operation;

use super::quickstart;
use crate::console::asked::Asked;
use crate::console::layout::{Tab, choose, failed, page};
use crate::console::parts::{copyable, memory_row, tile};
use crate::console::words;
use crate::decode::{self, Form};
use crate::operations::{self, Failure};

/// `GET /console`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    let menu = asked.session.menu;
    if asked.session.tenant.is_none() && menu.tenants {
        return choose("/console");
    }
    if !menu.memories {
        let there = if menu.service { "/console/service" } else { "/console/keys" };
        return Redirect::to(there).into_response();
    }
    match read(&asked).await {
        Ok((stats, newest)) => page(&asked, Tab::Overview, "Overview", &shown(&asked, &stats, &newest)),
        Err(failure) => failed(&asked, Tab::Overview, &failure),
    }
}

async fn read(asked: &Asked) -> Result<(api::Stats, Vec<api::Memory>), Failure> {
    let stats = asked.run(Operation::Stats, async |pass| operations::stats(asked.app(), pass).await).await?;
    let newest = asked
        .run(Operation::ListMemories, async |pass| {
            let query = decode::list_memories(json!({"limit": "5"}), Form::Query)?;
            operations::list_memories(asked.app(), pass, query).await
        })
        .await?;
    Ok((stats, newest.items))
}

fn shown(asked: &Asked, stats: &api::Stats, newest: &[api::Memory]) -> Markup {
    let now = asked.app().clock.now();
    html! {
        h1 { "Overview" }
        form .searchbar role="search" action="/console/search" {
            label .visually-hidden for="q" { "What to look for" }
            input #q name="q" type="search" placeholder="Search memories" autocomplete="off" maxlength="10000" data-focus dir="auto";
            button .primary { "Search" }
        }
        div .tiles {
            (tile("Memories", &words::count(stats.memories), ""))
            (tile("Workspaces", &words::count(stats.workspaces), ""))
            (tile("Storage", &words::bytes(stats.storage_bytes), ""))
            @let waiting = if stats.pending_embeddings == 0 { "all of them have a vector".to_owned() } else { format!("{} wait for their vector", words::count(stats.pending_embeddings)) };
            div .tile { span .label { "Embedding model" } strong .word { (stats.embedding_model.as_deref().unwrap_or("none")) } span .hint { (waiting) } }
        }
        @if newest.is_empty() {
            section .card .first {
                h2 { "Store the first memory" }
                p { "Paste this into a terminal, or " a href="/console/memories/new" { "write one here" } "." }
                (copyable(&quickstart::store(asked), "Command that stores a memory"))
                p { "More ways: " @for (word, label) in quickstart::WAYS { a href={ "/console/quickstart?for=" (word) } { (label) } " " } }
            }
        } @else {
            section {
                div .section-head { h2 { "Newest" } a href="/console/memories" { "All memories" } }
                div .list { @for memory in newest { (memory_row(memory, now)) } }
            }
            @if stats.by_kind.len() > 1 {
                section {
                    h2 { "By kind" }
                    ul .kinds { @for kind in &stats.by_kind {
                        li { a href={ "/console/memories?kind=" (kind.kind) } { (kind.kind) } " " b { (words::count(kind.count)) } }
                    } }
                }
            }
        }
    }
}
